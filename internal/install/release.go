package install

import (
	"context"
	"errors"
	"fmt"
	"time"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage/driver"
	"k8s.io/apimachinery/pkg/api/meta"
)

// Options of an installation.
type Options struct {
	// Mesh is its name and that of the Helm release, Namespace that of the control
	// plane.
	Mesh, Namespace string
	// ChartPath is a chart to use in place of the one that is built in, which is of
	// Version.
	ChartPath, Version string
	// Values are those of the user, for the chart.
	Values map[string]any
	// Timeout for everything, the wait included.
	Timeout time.Duration
	// Atomic takes back what was done if it does not succeed.
	Atomic bool
	// Say is told, in a line, whenever there is something to tell.
	Say func(line string)

	// installed is a chart to use in place of all others.
	installed *chart.Chart
}

// plan is what an installation comes to, before anything is done.
type plan struct {
	Options
	chart *chart.Chart
	// values are those for Helm, and all those of the chart as well.
	values map[string]any
	all    chartutil.Values
}

// load finds the chart.
func (o *Options) load() (*chart.Chart, error) {
	if o.installed != nil {
		return o.installed, nil
	}
	return loadChart(o.ChartPath, o.Version)
}

func newPlan(o Options) (*plan, error) {
	c, err := o.load()
	if err != nil {
		return nil, err
	}
	p := &plan{Options: o, chart: c, values: chartutil.MergeTables(map[string]any{}, o.Values)}
	if _, ok := p.values["fsm"]; !ok {
		p.values["fsm"] = map[string]any{}
	}
	if own, ok := p.values["fsm"].(map[string]any); ok { // else the schema says what is wrong
		own["meshName"], own["fsmNamespace"] = o.Mesh, o.Namespace
	}
	if p.all, err = checkValues(c, p.values); err != nil {
		return nil, err
	}
	return p, nil
}

// flag is a value of the chart that is true or false; false also for one that is
// something else.
func (p *plan) flag(path string) bool {
	v, err := p.all.PathValue(path)
	on, ok := v.(bool)
	return err == nil && ok && on
}

// defines tells whether definitions of the Gateway API are to be installed.
func (p *plan) defines() bool {
	v, err := p.all.PathValue("fsm.gatewayAPI.install")
	return err == nil && v == "auto"
}

// Render returns the objects that Install would make, the definitions of the
// Gateway API left out, as YAML. It needs no cluster.
func Render(ctx context.Context, o Options) (string, error) {
	p, err := newPlan(o)
	if err != nil {
		return "", err
	}
	i := action.NewInstall(&action.Configuration{Log: func(string, ...any) {}})
	i.ReleaseName, i.Namespace, i.DryRun, i.ClientOnly = o.Mesh, o.Namespace, true, true
	i.KubeVersion = &chartutil.KubeVersion{Version: "v1.37.0", Major: "1", Minor: "37"} // there is no cluster to ask
	r, err := i.RunWithContext(ctx, p.chart, p.values)
	if err != nil {
		return "", fmt.Errorf("render chart: %w", err)
	}
	return r.Manifest, nil
}

// Install installs a mesh and waits until its control plane runs.
func (c *Cluster) Install(ctx context.Context, o Options) error {
	p, err := newPlan(o)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	h, err := c.helm(o.Namespace)
	if err != nil {
		return err
	}
	if err := c.mayInstall(ctx, h, p); err != nil {
		return err
	}
	if err := c.prepare(ctx, h, p); err != nil {
		return err
	}
	o.Say(fmt.Sprintf("making the objects of the control plane in namespace %s", o.Namespace))
	i := action.NewInstall(h)
	i.ReleaseName, i.Namespace, i.CreateNamespace, i.Timeout = o.Mesh, o.Namespace, true, o.Timeout
	i.SkipCRDs = true // they are there
	_, err = i.RunWithContext(ctx, p.chart, p.values)
	if err == nil {
		err = c.rollout(ctx, o.Namespace, o.Say)
	}
	if err == nil {
		return nil
	}
	err = fmt.Errorf("install mesh %s: %w", o.Mesh, err)
	if !o.Atomic {
		return err
	}
	o.Say("taking back what was installed")
	return errors.Join(err, uninstall(h, o.Mesh))
}

// prepare does what comes before the objects of a release: their definitions, and a
// look at what is in their way.
func (c *Cluster) prepare(ctx context.Context, h *action.Configuration, p *plan) error {
	if p.defines() {
		if err := c.define(ctx, p.Say); err != nil {
			return err
		}
	}
	if err := c.defineOwn(ctx, p.chart); err != nil {
		return err
	}
	if err := forgetKinds(h); err != nil {
		return err
	}
	return c.vacant(ctx, p)
}

// forgetKinds has Helm look up anew which kinds there are. What it and kubectl know of
// them is on disk, for hours, and may be from before their definitions.
func forgetKinds(h *action.Configuration) error {
	kinds, err := h.RESTClientGetter.ToRESTMapper()
	if err != nil {
		return fmt.Errorf("look up kinds: %w", err)
	}
	meta.MaybeResetRESTMapper(kinds)
	return nil
}

// mayInstall refuses a cluster that is not there, or has a mesh that forbids
// another one.
func (c *Cluster) mayInstall(ctx context.Context, h *action.Configuration, p *plan) error {
	if err := c.reachable(ctx); err != nil {
		return err
	}
	last, err := h.Releases.Last(p.Mesh)
	switch {
	case err == nil:
		return fmt.Errorf("mesh %s is in namespace %s already (%s); change it with 'fsm upgrade'", p.Mesh, p.Namespace, last.Info.Status)
	case !errors.Is(err, driver.ErrReleaseNotFound):
		return fmt.Errorf("look for mesh %s: %w", p.Mesh, err)
	}
	meshes, err := c.Meshes(ctx)
	if err != nil {
		return err
	}
	for _, m := range meshes {
		switch {
		case m.Namespace == p.Namespace:
			return fmt.Errorf("namespace %s has the control plane of mesh %s; choose another one with --fsm-namespace", m.Namespace, m.Name)
		case m.Name == p.Mesh:
			return fmt.Errorf("mesh %s is in namespace %s already; choose another name with --mesh-name", m.Name, m.Namespace)
		case m.single || p.flag("fsm.enforceSingleMesh"):
			return fmt.Errorf("mesh %s is in namespace %s already; several meshes need fsm.enforceSingleMesh=false in all of them", m.Name, m.Namespace)
		}
	}
	return nil
}

// Changed returns the options of an upgrade with the values that were given to the
// mesh before.
func (c *Cluster) Changed(o Options) (Options, error) {
	h, err := c.helm(o.Namespace)
	if err != nil {
		return o, err
	}
	o, _, err = changed(h, o)
	return o, err
}

// changed also returns the release as it is.
func changed(h *action.Configuration, o Options) (Options, *release.Release, error) {
	last, err := h.Releases.Last(o.Mesh)
	if errors.Is(err, driver.ErrReleaseNotFound) {
		return o, nil, fmt.Errorf("mesh %s is not in namespace %s; 'fsm mesh list' shows what is", o.Mesh, o.Namespace)
	}
	if err != nil {
		return o, nil, fmt.Errorf("look for mesh %s: %w", o.Mesh, err)
	}
	o.Values = chartutil.MergeTables(chartutil.MergeTables(map[string]any{}, o.Values), last.Config)
	return o, last, nil
}

// Upgrade changes a mesh to the chart of this program, and to values that are given
// besides those that were given before. It waits until the control plane runs.
func (c *Cluster) Upgrade(ctx context.Context, o Options) error {
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	if err := c.reachable(ctx); err != nil {
		return err
	}
	h, err := c.helm(o.Namespace)
	if err != nil {
		return err
	}
	o, last, err := changed(h, o)
	if err != nil {
		return err
	}
	p, err := newPlan(o)
	if err != nil {
		return err
	}
	if err := c.prepare(ctx, h, p); err != nil {
		return err
	}
	if err := c.upgrade(ctx, h, p); err != nil {
		err = fmt.Errorf("upgrade mesh %s: %w", o.Mesh, err)
		if !o.Atomic {
			return err
		}
		o.Say(fmt.Sprintf("going back to revision %d", last.Version))
		return errors.Join(err, rollback(h, last))
	}
	return nil
}

func (c *Cluster) upgrade(ctx context.Context, h *action.Configuration, p *plan) error {
	p.Say(fmt.Sprintf("changing the objects of the control plane in namespace %s", p.Namespace))
	u := action.NewUpgrade(h)
	u.Namespace, u.Timeout, u.ResetValues, u.MaxHistory = p.Namespace, p.Timeout, true, maxHistory
	if _, err := u.RunWithContext(ctx, p.Mesh, p.chart, p.values); err != nil {
		return err
	}
	return c.rollout(ctx, p.Namespace, p.Say)
}

// maxHistory is how many revisions of a release are kept.
const maxHistory = 10

func rollback(h *action.Configuration, to *release.Release) error {
	r := action.NewRollback(h)
	r.Version, r.MaxHistory = to.Version, maxHistory
	if err := r.Run(to.Name); err != nil {
		return fmt.Errorf("go back to revision %d: %w", to.Version, err)
	}
	return nil
}

// uninstall removes a release. One that is not there is fine.
func uninstall(h *action.Configuration, mesh string) error {
	u := action.NewUninstall(h)
	u.IgnoreNotFound = true
	if _, err := u.Run(mesh); err != nil {
		return fmt.Errorf("uninstall mesh %s: %w", mesh, err)
	}
	return nil
}
