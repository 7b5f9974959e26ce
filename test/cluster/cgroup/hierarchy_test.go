package cgroup

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHierarchies(t *testing.T) {
	for name, test := range map[string]struct {
		own, mounts string
		want        []Hierarchy
	}{
		"v2 only": {
			own:    "0::/user.slice/session-1.scope\n",
			mounts: "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
			want:   []Hierarchy{{Mount: "/sys/fs/cgroup", Own: "/sys/fs/cgroup/user.slice/session-1.scope"}},
		},
		"v1 with what is left for v2": {
			own: "5:cpuacct,cpu:/work\n4:memory:/work\n1:name=systemd:/work\n0::/\n",
			mounts: "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n" +
				"32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n" +
				"35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n" +
				"40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n" +
				"41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
			want: []Hierarchy{
				{Controllers: "cpuacct,cpu", Mount: "/sys/fs/cgroup/cpu,cpuacct", Own: "/sys/fs/cgroup/cpu,cpuacct/work"},
				{Controllers: "memory", Mount: "/sys/fs/cgroup/memory", Own: "/sys/fs/cgroup/memory/work"},
				{Controllers: "name=systemd", Mount: "/sys/fs/cgroup/systemd", Own: "/sys/fs/cgroup/systemd/work"},
				{Mount: "/sys/fs/cgroup/unified", Own: "/sys/fs/cgroup/unified"},
			},
		},
		"what is not mounted is none": {
			own:    "4:memory:/work\n0::/work\n",
			mounts: "41 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
			want:   []Hierarchy{{Mount: "/sys/fs/cgroup", Own: "/sys/fs/cgroup/work"}},
		},
		"a container that sees its own part": {
			own:    "0::/docker/1\n",
			mounts: "30 23 0:26 /docker/1 /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
			want:   []Hierarchy{{Mount: "/sys/fs/cgroup", Own: "/sys/fs/cgroup"}},
		},
		"a container that sees another part": {
			own:    "0::/docker/1\n",
			mounts: "30 23 0:26 /docker/2 /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
			want:   []Hierarchy{{Mount: "/sys/fs/cgroup", Own: "/sys/fs/cgroup"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := hierarchies(strings.NewReader(test.own), strings.NewReader(test.mounts))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(test.want, got); d != "" {
				t.Errorf("hierarchies (-want +got):\n%s", d)
			}
		})
	}
	for name, test := range map[string]struct{ own, mounts string }{
		"no mount":       {"0::/\n", "30 23 0:26 / / rw - ext4 /dev/vda rw\n"},
		"a broken line":  {"nothing\n", ""},
		"a broken mount": {"0::/\n", "30 23 0:26 / /sys/fs/cgroup rw cgroup2\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := hierarchies(strings.NewReader(test.own), strings.NewReader(test.mounts)); err == nil {
				t.Errorf("no error, but %v", got)
			}
		})
	}
}
