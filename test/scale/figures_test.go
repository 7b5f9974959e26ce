package scale

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// figure is one that was measured.
type figure struct {
	what     string
	measured string
	// target is what it has to be; empty for a figure that is only told.
	target string
	missed bool
}

func (f figure) verdict() string {
	switch {
	case f.target == "":
		return ""
	case f.missed:
		return "FAIL"
	}
	return "PASS"
}

// figures are those of one run.
type figures struct {
	mu   sync.Mutex
	list []figure
}

// add takes in a figure, and fails the test if it missed its target.
func (f *figures) add(t *testing.T, one figure) {
	t.Helper()
	f.mu.Lock()
	f.list = append(f.list, one)
	f.mu.Unlock()
	t.Logf("%s: %s", one.what, one.measured)
	if one.missed {
		t.Errorf("%s: %s, the target is %s", one.what, one.measured, one.target)
	}
}

// tell takes in a figure without a target.
func (f *figures) tell(t *testing.T, what, measured string) {
	f.add(t, figure{what: what, measured: measured})
}

// duration takes in a time that must not be longer than another.
func (f *figures) duration(t *testing.T, what string, took, most time.Duration) {
	t.Helper()
	f.add(t, figure{what: what, measured: rounded(took), target: "≤ " + most.String(), missed: took > most})
}

// number takes in a number that must not be larger than another.
func (f *figures) number(t *testing.T, what string, n, most int) {
	t.Helper()
	f.add(t, figure{what: what, measured: fmt.Sprint(n), target: fmt.Sprintf("≤ %d", most), missed: n > most})
}

// memory takes in a number of bytes that must not be larger than another.
func (f *figures) memory(t *testing.T, what string, bytes, most float64) {
	t.Helper()
	f.add(t, figure{what: what, measured: mebibytes(bytes), target: "≤ " + mebibytes(most), missed: bytes > most})
}

func mebibytes(bytes float64) string { return fmt.Sprintf("%.0f MiB", bytes/(1<<20)) }

func rounded(d time.Duration) string {
	if d < time.Second {
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(10 * time.Millisecond).String()
}

// table is what was measured, in Markdown.
func (f *figures) table() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var b strings.Builder
	b.WriteString("| Measured | Figure | Target | |\n|---|---|---|---|\n")
	for _, one := range f.list {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", one.what, one.measured, one.target, one.verdict())
	}
	return b.String()
}

// circumstances are where and when figures were measured.
type circumstances struct {
	command, version, cluster string
	when                      time.Time
}

func (c circumstances) String() string {
	return fmt.Sprintf("`%s`, version %s, %s, on %s. Load generator, proxies, backends and the\n"+
		"control plane of the cluster share %d cores, with whatever else the machine does (load average %s).\n",
		c.command, c.version, c.when.UTC().Format("2006-01-02 15:04 UTC"), c.cluster, runtime.NumCPU(), loadAverage())
}

// loadAverage is that of the last minute.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

// publish prints a table and puts it into a section of a document, between its markers.
func publish(t *testing.T, path, section string, c circumstances, f *figures) {
	text := c.String() + "\n" + f.table()
	fmt.Printf("\n%s\n", text)
	if path == "" {
		return
	}
	document, err := os.ReadFile(path)
	if err != nil {
		t.Fatal("read the document for the figures:", err)
	}
	changed, err := replaced(string(document), section, text)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if err := os.WriteFile(path, []byte(changed), 0o644); err != nil {
		t.Fatal("write the figures:", err)
	}
}

// replaced is a document with another text in one of its sections.
func replaced(document, section, text string) (string, error) {
	begin, end := "<!-- "+section+": begin -->\n", "<!-- "+section+": end -->\n"
	before, rest, found := strings.Cut(document, begin)
	_, after, complete := strings.Cut(rest, end)
	if !found || !complete {
		return "", fmt.Errorf("there is no section %s", section)
	}
	return before + begin + text + end + after, nil
}

// TestReplaced: another run replaces what the last one said, and nothing else.
func TestReplaced(t *testing.T) {
	const document = "# Title\n<!-- a: begin -->\nold\n<!-- a: end -->\n<!-- b: begin -->\nkept\n<!-- b: end -->\n"
	got, err := replaced(document, "a", "new\n")
	if want := strings.Replace(document, "old", "new", 1); err != nil || got != want {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := replaced(document, "c", "new\n"); err == nil {
		t.Error("a section that does not exist was replaced")
	}
}

// TestTable: a table shows what was measured beside what it had to be.
func TestTable(t *testing.T) {
	var f figures
	f.duration(t, "delay", 1500*time.Microsecond, time.Second)
	f.number(t, "errors", 0, 0)
	f.tell(t, "memory", mebibytes(3<<20))
	f.list = append(f.list, figure{what: "slow", measured: "2s", target: "≤ 1s", missed: true})
	const want = `| Measured | Figure | Target | |
|---|---|---|---|
| delay | 1.5ms | ≤ 1s | PASS |
| errors | 0 | ≤ 0 | PASS |
| memory | 3 MiB |  |  |
| slow | 2s | ≤ 1s | FAIL |
`
	if got := f.table(); got != want {
		t.Errorf("got\n%s", got)
	}
}
