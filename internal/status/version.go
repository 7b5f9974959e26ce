package status

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"fsm/internal/translate/report"
)

// newestMinor is that of the newest release of the Gateway API, 1.x, whose
// definitions are understood in full. Definitions of older ones have less to say.
const newestMinor = 7

// supportedVersion is what a GatewayClass says about the versions of the Gateway
// API's definitions that the cluster has; ok is false if they tell none.
func supportedVersion(versions []string) (c metav1.Condition, ok bool) {
	if len(versions) == 0 {
		return metav1.Condition{}, false
	}
	found := "the cluster has definitions of " + strings.Join(versions, ", ")
	if slices.ContainsFunc(versions, func(v string) bool { return !isSupported(v) }) {
		return report.ClassUnsupportedVersion(fmt.Sprintf("%s; v1.0 to v1.%d are supported", found, newestMinor)), true
	}
	return report.ClassSupportedVersion(found), true
}

func isSupported(version string) bool {
	rest, ok := strings.CutPrefix(version, "v1.")
	minor, _, _ := strings.Cut(rest, ".")
	n, err := strconv.ParseUint(minor, 10, 16)
	return ok && err == nil && n <= newestMinor
}
