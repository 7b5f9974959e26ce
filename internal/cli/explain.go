package cli

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"fsm/internal/explain"
	"fsm/internal/ir"
	"fsm/internal/translate"
)

func explainCommand() *cobra.Command {
	in := &input{}
	q := explain.Question{}
	var output, gateway, client string
	cmd := &cobra.Command{
		Use:   "explain [-f FILE|DIR] METHOD URL|SERVICE/METHOD",
		Short: "Say why a request gets the answer that it gets",
		Long: `Follows a request through the files, or through the cluster if there are none, as a
gateway would: which listener takes it, which routes were looked at and why they do not
match, what the filters do to it, and which backends it may go to, or why there is none.
Routes that would match and are not attached are named too, and so are the policies that
act on the request, and those that are attached and do not.

The address and port of the URL choose the listener. Ingresses in files have two ports,
that of the machine, and that which clients are to see, and either will do. Nothing is
sent. In a cluster an address of a Gateway, or --gateway, chooses the Gateway where there
are several.

The method GRPC is for gRPC calls. They need no address where there is one listener.`,
		Example: `  fsm explain -f . GET http://shop.example.com:8000/api/items
  fsm explain -f . GET http://127.0.0.1:8000/ -H 'Host: shop.example.com'
  fsm explain -f . GET https://127.0.0.1:8443/ -H 'Host: a.example.com' --sni a.example.com
  fsm explain -f . GRPC shop.Cart/Add -H 'Host: shop.example.com'
  fsm explain -f . GRPC https://shop.example.com:8443/shop.Cart/Add
  fsm explain --gateway shop/web GET http://shop.example.com/api/items`,
		Args: usage(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := in.checkBind(); err != nil {
				return err
			}
			if err := oneOf("output", output, "text", "json"); err != nil {
				return err
			}
			if client != "" {
				var err error
				if q.Client, err = netip.ParseAddr(client); err != nil {
					return usagef("--client %q: want an IP address", client)
				}
			}
			q.Method, q.URL, q.Gateway = args[0], args[1], gatewayName(gateway)
			model, err := in.model(cmd.Context(), cmd.InOrStdin(), q)
			if err != nil {
				return err
			}
			e, err := model.Explain(q)
			if err != nil {
				return fmt.Errorf("explain %s %s: %w", q.Method, q.URL, err)
			}
			if output == "json" {
				return writeJSON(cmd.OutOrStdout(), e)
			}
			return e.WriteText(cmd.OutOrStdout())
		},
	}
	in.flagsForBoth(cmd)
	cmd.Flags().StringArrayVarP(&q.Headers, "header", "H", nil, "header of the request, name:value; may be given several times")
	cmd.Flags().StringVar(&q.ServerName, "sni", "", "server name of the TLS handshake; the host of the URL if not given")
	cmd.Flags().StringVar(&client, "client", "", "address that the request comes from, for policies that look at it; 127.0.0.1 if not given")
	cmd.Flags().StringVar(&gateway, "gateway", "", "NAMESPACE/NAME of the Gateway that is asked, where several can be meant")
	outputFlag(cmd, &output, "text", "json")
	return cmd
}

// model is what the objects mean to the proxy that is asked.
func (in *input) model(ctx context.Context, stdin io.Reader, q explain.Question) (*explain.Model, error) {
	s, err := in.load(ctx, stdin)
	if err != nil {
		return nil, err
	}
	o := explain.Options{Translate: s.config, Places: s.places}
	mesh, _ := translate.Translate(s.set, s.config)
	if o.Node, err = s.choose(mesh, q.Gateway, hostOf(q.URL)); err != nil {
		return nil, err
	}
	return explain.NewModel(s.set, o), nil
}

// hostOf is the host of a URL; empty if it has none.
func hostOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// gatewayName adds the namespace that objects without one have.
func gatewayName(name string) ir.GatewayName {
	if name != "" && !strings.Contains(name, "/") {
		name = "default/" + name
	}
	return ir.GatewayName(name)
}
