package ingress

import (
	"cmp"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"fsm/internal/ir"
	"fsm/internal/translate/policy"
)

// settings are what the annotations of an Ingress ask for. The tables in pipy.go
// and nginx*.go fill them in.
type settings struct {
	// paths
	regex                  bool   // paths are regular expressions
	rewriteTarget          string // with regex
	rewriteFrom, rewriteTo string // found anywhere in path and query
	// answers in place of a backend
	redirect *ir.Redirect
	appRoot  string
	// hosts
	aliases []string
	www     bool
	plain   plainMode
	force   bool // plain holds even for hosts without TLS
	// requests and responses
	host            string
	requestHeaders  []ir.HeaderField
	responseHeaders string // ConfigMap with them
	cors            ir.CORS
	corsEnabled     bool
	mirror          string
	bodyLimit       uint64
	allow, deny     []netip.Prefix // clients
	limits          clientLimits
	// backends
	grpc           bool
	upstream       policy.Upstream
	sticky         bool
	session        ir.Session // with sticky
	upstreamSecret string
	requireVerify  bool // towards the backend
	readTimeout    ir.Duration
	retry          *ir.Retry
	passthrough    bool
	canary         canary
	clients        clientSettings

	// istio says that the Ingress is of Istio's class, where nothing else is set.
	istio bool

	warnings []string
	// broken are values that make no sense where the meaning matters, refused are
	// annotations that protect and that are not honoured: no request is served.
	broken, refused []string
}

// plainMode is what happens without TLS to requests for hosts that have TLS.
type plainMode int

const (
	plainRefused plainMode = iota // 403, as FSM has always done
	plainRedirected
	plainServed
)

// clientSettings are how clients are asked for certificates.
type clientSettings struct {
	secret   string
	asked    bool // an annotation says whether
	wanted   bool
	optional bool
}

// required tells whether clients are asked. Whoever names authorities and says no
// more wants them used.
func (c clientSettings) required() bool { return c.wanted || c.secret != "" && !c.asked }

// annotation is one that this build knows.
type annotation struct {
	name string
	// read is nil for what has no meaning here whatever its value.
	read func(v value)
	// effect is empty for what is honoured.
	effect effect
	// note says in the warning what to do about it, and in the documents how the
	// meaning differs from the original one.
	note string
}

// effect of an annotation that is not honoured.
type effect string

const (
	// unneeded annotations tune what this proxy does not have; nothing is lost.
	unneeded effect = "has no effect here"
	ignored  effect = "is not honoured"
	// never annotations would run text of users in the proxy.
	never effect = "is never honoured"
	// protecting annotations keep somebody out. Without them nobody gets in.
	protecting effect = "is not honoured, and protects, so no request is served"
)

// value is the text of one annotation, with the settings that it is for.
type value struct {
	*settings
	name, text string
}

func (v value) warn(format string, args ...any) {
	v.warnings = append(v.warnings, fmt.Sprintf("annotation %s: %s", v.name, fmt.Sprintf(format, args...)))
}

// invalid is a value without which the rest still means what it says.
func (v value) invalid(want string) { v.warn("%q is ignored: want %s", v.text, want) }

// breaks is a value without which requests would be treated quite differently.
func (v value) breaks(format string, args ...any) {
	v.broken = append(v.broken, fmt.Sprintf("annotation %s: %s", v.name, fmt.Sprintf(format, args...)))
}

// boolean reads the words of ingress-nginx.
func (v value) boolean() bool {
	b, err := strconv.ParseBool(v.text)
	if err != nil {
		v.invalid("true or false")
	}
	return b
}

// word reads the words of FSM.
func (v value) word() bool {
	switch strings.ToLower(v.text) {
	case "true", "yes", "1", "on":
		return true
	case "false", "no", "0", "off", "":
	default:
		v.invalid("true, yes, 1, on, false, no, 0 or off")
	}
	return false
}

func (v value) number(least, most int) (n int, ok bool) {
	n, err := strconv.Atoi(v.text)
	if err != nil || n < least || n > most {
		v.invalid(fmt.Sprintf("a number from %d to %d", least, most))
		return 0, false
	}
	return n, true
}

// seconds reads a timeout of ingress-nginx, which has no unit.
func (v value) seconds() ir.Duration {
	n, ok := v.number(1, 7*24*3600)
	if !ok {
		return 0
	}
	return ir.Duration(time.Duration(n) * time.Second)
}

// size reads a size of nginx: "8m", "64k", "1g" or bytes.
func (v value) size() (bytes uint64, ok bool) {
	text, unit := strings.ToLower(v.text), uint64(1)
	for suffix, size := range map[string]uint64{"k": 1 << 10, "m": 1 << 20, "g": 1 << 30} {
		if number, found := strings.CutSuffix(text, suffix); found {
			text, unit = number, size
		}
	}
	n, err := strconv.ParseUint(text, 10, 40)
	if err != nil {
		v.invalid(`a size such as "8m"`)
		return 0, false
	}
	return n * unit, true
}

func (v value) list() []string {
	var items []string
	for item := range strings.SplitSeq(v.text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// family is a table of annotations that share a prefix.
type family struct {
	prefix string
	tables [][]annotation
}

// families in the order in which they are read: of two that say the same, FSM's
// own counts.
func families() []family {
	return []family{
		{nginxPrefix, [][]annotation{nginxRouting(), nginxBackends(), nginxBalancing(), nginxTLS(), nginxLimits(), nginxOthers()}},
		{pipyPrefix, [][]annotation{pipyAnnotations()}},
	}
}

// readSettings reads the annotations of an Ingress, in the order of the tables.
func readSettings(annotations map[string]string, class string) *settings {
	s := &settings{}
	if class == nginxClass {
		s.plain = plainRedirected // its default
	}
	for _, f := range families() {
		known := map[string]bool{}
		for _, table := range f.tables {
			for _, a := range table {
				known[f.prefix+a.name] = true
				if text, ok := annotations[f.prefix+a.name]; ok {
					a.apply(value{s, f.prefix + a.name, strings.TrimSpace(text)})
				}
			}
		}
		s.warnAboutUnknown(annotations, f.prefix, known)
	}
	s.conclude()
	return s
}

func (a annotation) apply(v value) {
	if a.read != nil {
		a.read(v)
		return
	}
	if off := v.text == "" || v.text == "false"; off || a.effect == unneeded {
		return
	}
	message := string(a.effect)
	if a.note != "" {
		message += ": " + a.note
	}
	if a.effect == protecting {
		v.refused = append(v.refused, fmt.Sprintf("annotation %s %s", v.name, message))
		return
	}
	v.warnings = append(v.warnings, fmt.Sprintf("annotation %s %s", v.name, message))
}

func (s *settings) warnAboutUnknown(annotations map[string]string, prefix string, known map[string]bool) {
	var unknown []string
	for name := range annotations {
		if strings.HasPrefix(name, prefix) && !known[name] {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		s.warnings = append(s.warnings, fmt.Sprintf("annotation %s is not known, and has no effect", name))
	}
}

// maxExpression is the length that proxies accept of an expression, less what is
// put around it.
const maxExpression = 1000

// checkExpression finds expressions that no proxy could compile.
func (s *settings) checkExpression(name, expression string) {
	_, err := regexp.Compile(expression)
	if err == nil && len(expression) > maxExpression {
		err = fmt.Errorf("the expression has more than %d bytes", maxExpression)
	}
	if err != nil {
		s.broken = append(s.broken, fmt.Sprintf("%s: %v", name, err))
	}
}

// conclude looks at annotations that mean something together only.
func (s *settings) conclude() {
	if (s.rewriteFrom == "") != (s.rewriteTo == "") {
		s.broken = append(s.broken, fmt.Sprintf("annotations %srewrite-target-from and %srewrite-target-to mean something together only", pipyPrefix, pipyPrefix))
	}
	s.checkExpression("annotation "+pipyPrefix+"rewrite-target-from", s.rewriteFrom)
	s.checkExpression("annotation "+nginxPrefix+"canary-by-header-pattern", s.canary.pattern)
	s.regex = s.regex || s.rewriteTarget != ""
	if s.clients.wanted && s.clients.secret == "" {
		s.broken = append(s.broken, "client certificates are demanded, but no annotation names the Secret of the authorities")
	}
	if s.requireVerify && s.upstreamSecret == "" {
		s.upstream.Problem = "the backend's certificate is to be verified, but no annotation names the Secret of the authorities"
	}
	s.concludeLimits()
	s.upstream.SkipVerification = s.upstream.TLS && !s.requireVerify
	if s.sticky {
		s.session.Cookie = cmp.Or(s.session.Cookie, defaultCookie)
		s.upstream.Session = s.session
	}
}
