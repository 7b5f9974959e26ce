package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"fsm/internal/ir"
	"fsm/internal/project"
	"fsm/internal/translate"
)

func translateCommand() *cobra.Command {
	in := &input{}
	t := &translation{}
	var gateway string
	cmd := &cobra.Command{
		Use:   "translate [-f FILE|DIR]",
		Short: "Show what files, or a cluster, mean to a proxy",
		Long: `Prints the snapshot that a proxy gets: listeners, routes in order of precedence,
backends and endpoints, one line for each. Without files it is about a Gateway of the
cluster, the only one or that of --gateway. With -o json it is what
'fsm-proxy gateway --snapshot FILE' serves, when --with-secrets is given too.

Private keys are left out unless --with-secrets is given. They go to a file that
only its owner can read, that of --out or standard output, or to a pipe, but not to a
terminal.`,
		Example: `  fsm translate -f gateway.yaml
  fsm translate -f . -o json --with-secrets --out snapshot.json
  fsm translate --gateway shop/web`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := in.checkBind(); err != nil {
				return err
			}
			if err := t.check(cmd.OutOrStdout()); err != nil {
				return err
			}
			subject, err := in.load(cmd.Context(), cmd.InOrStdin())
			if err != nil {
				return err
			}
			mesh, r := translate.Translate(subject.set, subject.config)
			node, err := subject.choose(mesh, gatewayName(gateway), "")
			if err != nil {
				return err
			}
			s := project.Project(mesh, node)
			for _, e := range r.Apply(s.Conflicts).Entries() {
				if !e.Accepted {
					fmt.Fprint(cmd.ErrOrStderr(), e.Text)
				}
			}
			return t.write(s, cmd.OutOrStdout())
		},
	}
	in.flagsForBoth(cmd)
	outputFlag(cmd, &t.output, "text", "json")
	cmd.Flags().StringVar(&gateway, "gateway", "", "NAMESPACE/NAME of a Gateway, where a cluster has several")
	cmd.Flags().BoolVar(&t.secrets, "with-secrets", false, "write private keys too; needs -o json")
	cmd.Flags().StringVar(&t.path, "out", "", "file to write to, in place of standard output")
	return cmd
}

// translation is how a snapshot is written.
type translation struct {
	output  string
	secrets bool
	path    string
}

func (t *translation) check(out io.Writer) error {
	if err := oneOf("output", t.output, "text", "json"); err != nil {
		return err
	}
	if t.secrets && t.output != "json" {
		return usagef("--with-secrets needs -o json: the text form has no secrets")
	}
	if f, ok := out.(*os.File); ok && t.secrets && t.path == "" {
		return keepPrivate(f)
	}
	return nil
}

// keepPrivate sees to it that nobody else reads what is written to a file that the
// shell has opened.
func keepPrivate(f *os.File) error {
	if term.IsTerminal(int(f.Fd())) {
		return usagef("--with-secrets does not write private keys to a terminal; name a file with --out FILE")
	}
	info, err := f.Stat()
	if err == nil && info.Mode().IsRegular() {
		err = f.Chmod(0o600)
	}
	if err != nil {
		return fmt.Errorf("make standard output private: %w", err)
	}
	return nil
}

func (t *translation) write(s *ir.Snapshot, out io.Writer) error {
	text, err := t.text(s)
	if err != nil {
		return err
	}
	if t.path == "" {
		_, err := out.Write(text)
		return err
	}
	mode := os.FileMode(0o644)
	if t.secrets {
		mode = 0o600
	}
	return replaceFile(t.path, text, mode)
}

func (t *translation) text(s *ir.Snapshot) ([]byte, error) {
	switch {
	case t.secrets:
		return ir.MarshalSecrets(s)
	case t.output == "json":
		return ir.Marshal(s)
	}
	return []byte(ir.Format(s)), nil
}

// replaceFile puts a file in the place of another one, whose mode does not count.
// Whoever reads it meanwhile, such as a proxy, sees either the old or the new one.
func replaceFile(path string, text []byte, mode os.FileMode) (err error) {
	if info, statErr := os.Stat(path); statErr == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("write %s: it is not a regular file", path)
	}
	if target, linkErr := filepath.EvalSymlinks(path); linkErr == nil {
		path = target
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".fsm-*") // with mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	if _, err := f.Write(text); err != nil {
		_ = f.Close()
		return err
	}
	if err := f.Chmod(mode); err != nil {
		_ = f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
