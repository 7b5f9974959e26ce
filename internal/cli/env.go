package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

// namespaceFlag is the flag that settings have a value for.
const namespaceFlag = "fsm-namespace"

// settings are those of a user, for all commands.
type settings struct {
	Install struct {
		// Kind and Distribution are those of FSM 1.2, which tell managed clusters from
		// others; nothing depends on them.
		Kind         string `json:"kind,omitempty"`
		Distribution string `json:"distribution,omitempty"`
		// Namespace of the control plane.
		Namespace string `json:"namespace,omitempty"`
	} `json:"install,omitzero"`
}

// settingsPath is where settings are: the file that FSM_CONFIG names, or
// ~/.fsm/config.yaml.
func settingsPath() (path string, asked bool) {
	if path := os.Getenv("FSM_CONFIG"); path != "" {
		return path, true
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", false
	}
	return filepath.Join(home, ".fsm", "config.yaml"), false
}

// readSettings reads the settings; only a file that was asked for must be there.
func readSettings() (s settings, path string, err error) {
	path, asked := settingsPath()
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !asked {
		return s, "", nil
	}
	if err != nil {
		return s, path, fmt.Errorf("read settings: %w", err)
	}
	if err := yaml.Unmarshal(text, &s); err != nil {
		return s, path, fmt.Errorf("read settings of %s: %w", path, err)
	}
	return s, path, nil
}

// applySettings puts settings in the place of flags that are not given.
func applySettings(cmd *cobra.Command) error {
	flag := cmd.Flags().Lookup(namespaceFlag)
	if flag == nil || flag.Changed {
		return nil
	}
	s, _, err := readSettings()
	if err != nil || s.Install.Namespace == "" {
		return err
	}
	return flag.Value.Set(s.Install.Namespace)
}

// environment is what the env command prints.
type environment struct {
	Version string `json:"version"`
	// Settings is the file that they come from; empty if there is none.
	Settings   string     `json:"settings,omitempty"`
	Install    any        `json:"install"`
	Kubernetes kubernetes `json:"kubernetes"`
}

// kubernetes is the cluster that commands are about.
type kubernetes struct {
	Kubeconfig string `json:"kubeconfig,omitempty"`
	Context    string `json:"context,omitempty"`
	Server     string `json:"server,omitempty"`
	// Problem is why there is no cluster.
	Problem string `json:"problem,omitempty"`
}

func envCommand() *cobra.Command {
	c := &clusterFlags{}
	var output string
	cmd := &cobra.Command{
		Use:   "env",
		Short: "Print which cluster and which namespace commands are about, and why",
		Long: `Prints what commands go by when no flags are given. Settings come from the file that
FSM_CONFIG names, or from ~/.fsm/config.yaml:

  install:
    namespace: fsm-system

install.namespace stands for --fsm-namespace. No cluster is asked.`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf("output", output, "yaml", "json"); err != nil {
				return err
			}
			s, path, err := readSettings()
			if err != nil {
				return err
			}
			s.Install.Namespace = c.namespace
			return encode(cmd.OutOrStdout(), environment{
				Version: buildVersion(), Settings: path, Install: s.Install, Kubernetes: c.describe(),
			}, output)
		},
	}
	c.bindAccess(cmd)
	c.bindNamespace(cmd)
	outputFlag(cmd, &output, "yaml", "json")
	return cmd
}

func (c *clusterFlags) describe() kubernetes {
	k := kubernetes{Kubeconfig: c.kubeconfig, Context: c.context}
	if k.Kubeconfig == "" {
		k.Kubeconfig = os.Getenv("KUBECONFIG")
	}
	current, server, err := c.access().Names()
	if err != nil {
		k.Problem = err.Error()
		return k
	}
	k.Context, k.Server = current, server
	return k
}
