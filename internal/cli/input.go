package cli

import (
	"net/netip"

	"github.com/spf13/cobra"

	"fsm/internal/project"
	"fsm/internal/translate"
)

// input is what a command is about: files, and the machine that they are for, or the
// objects of a cluster.
type input struct {
	clusterFlags
	paths []string
	bind  []string
	// passthrough leaves TLS of Ingresses to their backends.
	passthrough bool
}

// flagsForBoth makes the flags of a command that is about the cluster when no files
// are given.
func (in *input) flagsForBoth(cmd *cobra.Command) {
	in.flags(cmd, true)
	in.bindAccess(cmd)
}

// flags makes the flags of the input. stdin tells whether "-" is a file.
func (in *input) flags(cmd *cobra.Command, stdin bool) {
	about := "file or directory of YAML or JSON; may be given several times"
	if stdin {
		about += `; "-" for standard input`
	}
	cmd.Flags().StringArrayVarP(&in.paths, "filename", "f", nil, about)
	cmd.Flags().BoolVar(&in.passthrough, "ingress-passthrough", false, "forward connections with TLS for the hosts of Ingresses and leave it to the backends")
	in.bindFlag(cmd)
}

func (in *input) bindFlag(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&in.bind, "bind", []string{"127.0.0.1"},
		"address to listen on for Gateways without spec.addresses; may be given several times; 0.0.0.0 or :: for all")
}

// check finds mistakes that are better named before anything is done.
func (in *input) check() error {
	if len(in.paths) == 0 {
		return usagef("no files: say which with -f FILE or -f DIRECTORY, or try 'fsm demo', which brings its own")
	}
	return in.checkBind()
}

func (in *input) checkBind() error {
	if len(in.bind) == 0 {
		return usagef("--bind is empty: want an IP address; 0.0.0.0 or :: stands for all")
	}
	for _, address := range in.bind {
		if _, err := netip.ParseAddr(address); err != nil {
			return usagef("--bind %q: want an IP address", address)
		}
	}
	return nil
}

func (in *input) node() project.Node {
	return project.Node{Name: "standalone", Role: project.RoleGateway, Bind: in.bind}
}

// standalone is what objects from files mean: classes need not be declared, and
// backends may be any host that the machine can reach.
func (in *input) standalone() translate.Config {
	return translate.Config{Standalone: true, Ingress: translate.Ingress{Passthrough: in.passthrough}}
}
