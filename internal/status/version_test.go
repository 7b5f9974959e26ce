package status

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestSupportedVersion: one definition that is too new, or of no known release, is
// enough to say so.
func TestSupportedVersion(t *testing.T) {
	for _, test := range []struct {
		versions []string
		want     metav1.ConditionStatus
	}{
		{[]string{"v1.7.0"}, "True"},
		{[]string{"v1.2.1", "v1.7.0-rc.1"}, "True"},
		{[]string{"v1.7.0", "v1.8.0"}, "False"},
		{[]string{"v0.8.0"}, "False"},
		{[]string{"v2.0.0"}, "False"},
		{[]string{"v1.-1.0"}, "False"},
		{[]string{"main"}, "False"},
		{nil, ""},
	} {
		got, ok := supportedVersion(test.versions)
		if got.Status != test.want || ok != (test.want != "") {
			t.Errorf("%v: got %+v, %v", test.versions, got, ok)
		}
	}
}
