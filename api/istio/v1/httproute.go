package v1

import (
	"k8s.io/apimachinery/pkg/runtime"
)

// HTTPRoute is a rule: what it matches, and what happens then.
type HTTPRoute struct {
	// Name is for people.
	Name string `json:"name,omitempty"`
	// Match is a disjunction; none matches everything.
	// +kubebuilder:validation:MaxItems=128
	Match []HTTPMatchRequest `json:"match,omitempty"`
	// Route are the weighted destinations.
	// +kubebuilder:validation:MaxItems=64
	Route []HTTPRouteDestination `json:"route,omitempty"`
	// Redirect answers in place of a destination.
	Redirect *HTTPRedirect `json:"redirect,omitempty"`
	// Rewrite changes the request's path and authority.
	Rewrite *HTTPRewrite `json:"rewrite,omitempty"`
	// Timeout for the whole exchange, "5s".
	Timeout string `json:"timeout,omitempty"`
	// Retries of attempts that failed.
	Retries *HTTPRetry `json:"retries,omitempty"`
	// Fault makes requests fail or wait.
	Fault *HTTPFaultInjection `json:"fault,omitempty"`
	// Mirror sends a copy of the requests elsewhere.
	Mirror *Destination `json:"mirror,omitempty"`
	// Mirrors are several of them.
	// +kubebuilder:validation:MaxItems=16
	Mirrors []HTTPMirrorPolicy `json:"mirrors,omitempty"`
	// MirrorPercentage of the requests are mirrored.
	MirrorPercentage *Percent `json:"mirrorPercentage,omitempty"`
	// MirrorPercent is its older form.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	MirrorPercent *int32 `json:"mirrorPercent,omitempty"`
	// CORSPolicy answers browsers that ask whether they may.
	CORSPolicy *CORSPolicy `json:"corsPolicy,omitempty"`
	// Headers to change.
	Headers *Headers `json:"headers,omitempty"`
	// DirectResponse answers in place of a destination. Unsupported.
	// +kubebuilder:pruning:PreserveUnknownFields
	DirectResponse *runtime.RawExtension `json:"directResponse,omitempty"`
	// Delegate is another VirtualService. Unsupported.
	// +kubebuilder:pruning:PreserveUnknownFields
	Delegate *runtime.RawExtension `json:"delegate,omitempty"`
}

// HTTPRouteDestination is a weighted destination for requests.
type HTTPRouteDestination struct {
	// +kubebuilder:validation:Required
	Destination Destination `json:"destination"`
	// Weight is relative to the others. A single destination needs none.
	// +kubebuilder:validation:Minimum=0
	Weight int32 `json:"weight,omitempty"`
	// Headers to change for this destination.
	Headers *Headers `json:"headers,omitempty"`
}

// HTTPRedirect answers with a Location.
type HTTPRedirect struct {
	// URI is the new path.
	URI string `json:"uri,omitempty"`
	// Authority is the new host, with or without a port.
	Authority string `json:"authority,omitempty"`
	// Port is the new port.
	Port uint32 `json:"port,omitempty"`
	// DerivePort says where else the port comes from.
	// +kubebuilder:validation:Enum=FROM_PROTOCOL_DEFAULT;FROM_REQUEST_PORT
	DerivePort string `json:"derivePort,omitempty"`
	// Scheme is the new scheme.
	Scheme string `json:"scheme,omitempty"`
	// RedirectCode is 301, the default, 302, 303, 307 or 308.
	RedirectCode uint32 `json:"redirectCode,omitempty"`
}

// HTTPRewrite changes where a request goes on the backend.
type HTTPRewrite struct {
	// URI replaces the prefix that was matched, or else the whole path.
	URI string `json:"uri,omitempty"`
	// Authority replaces the Host header.
	Authority string `json:"authority,omitempty"`
	// URIRegexRewrite is a replacement by expression. Unsupported.
	// +kubebuilder:pruning:PreserveUnknownFields
	URIRegexRewrite *runtime.RawExtension `json:"uriRegexRewrite,omitempty"`
}

// HTTPRetry says when attempts are repeated.
type HTTPRetry struct {
	// Attempts is how many times to retry; 0 switches retries off.
	// +kubebuilder:validation:Minimum=0
	Attempts int32 `json:"attempts,omitempty"`
	// PerTryTimeout bounds each attempt.
	PerTryTimeout string `json:"perTryTimeout,omitempty"`
	// RetryOn are conditions and status codes, separated by commas.
	RetryOn string `json:"retryOn,omitempty"`
	// Backoff is the least wait before a retry.
	Backoff string `json:"backoff,omitempty"`
	// RetryRemoteLocalities and RetryIgnorePreviousHosts are without effect.
	RetryRemoteLocalities    *bool `json:"retryRemoteLocalities,omitempty"`
	RetryIgnorePreviousHosts *bool `json:"retryIgnorePreviousHosts,omitempty"`
}

// Percent from 0 to 100.
type Percent struct {
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	Value float64 `json:"value,omitempty"`
}

// HTTPMirrorPolicy is one of several mirrors.
type HTTPMirrorPolicy struct {
	// +kubebuilder:validation:Required
	Destination Destination `json:"destination"`
	Percentage  *Percent    `json:"percentage,omitempty"`
}

// HTTPFaultInjection makes requests fail or wait.
type HTTPFaultInjection struct {
	Delay *HTTPDelay `json:"delay,omitempty"`
	Abort *HTTPAbort `json:"abort,omitempty"`
}

// HTTPDelay makes requests wait.
type HTTPDelay struct {
	// FixedDelay is how long.
	FixedDelay string `json:"fixedDelay,omitempty"`
	// ExponentialDelay is not supported: requests of a rule that has it get 500.
	ExponentialDelay string   `json:"exponentialDelay,omitempty"`
	Percentage       *Percent `json:"percentage,omitempty"`
	// Percent is its older form.
	Percent int32 `json:"percent,omitempty"`
}

// HTTPAbort makes requests fail.
type HTTPAbort struct {
	// HTTPStatus of the answer.
	HTTPStatus int32 `json:"httpStatus,omitempty"`
	// GRPCStatus of the answer, by name.
	GRPCStatus string `json:"grpcStatus,omitempty"`
	// HTTP2Error is without effect, as it is in Istio.
	HTTP2Error string   `json:"http2Error,omitempty"`
	Percentage *Percent `json:"percentage,omitempty"`
	// Percent is its older form.
	Percent int32 `json:"percent,omitempty"`
}

// CORSPolicy answers browsers that ask whether they may.
type CORSPolicy struct {
	// AllowOrigins that may. Of expressions only ".*" is supported.
	// +kubebuilder:validation:MaxItems=64
	AllowOrigins []StringMatch `json:"allowOrigins,omitempty"`
	// AllowOrigin is its older form.
	// +kubebuilder:validation:MaxItems=64
	AllowOrigin   []string `json:"allowOrigin,omitempty"`
	AllowMethods  []string `json:"allowMethods,omitempty"`
	AllowHeaders  []string `json:"allowHeaders,omitempty"`
	ExposeHeaders []string `json:"exposeHeaders,omitempty"`
	// MaxAge of an answer, "24h".
	MaxAge           string `json:"maxAge,omitempty"`
	AllowCredentials *bool  `json:"allowCredentials,omitempty"`
	// UnmatchedPreflights is UNSPECIFIED or empty. Others are unsupported.
	UnmatchedPreflights string `json:"unmatchedPreflights,omitempty"`
}
