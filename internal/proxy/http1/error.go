package http1

import (
	"errors"

	"fsm/internal/proxy/message"
)

// Reasons for which this package refuses messages; docs/reasons.md explains
// each.
const (
	ReasonBadRequestLine   = "bad_request_line"
	ReasonBadHeader        = "bad_header"
	ReasonBadHost          = "bad_host"
	ReasonBadFraming       = "bad_framing"
	ReasonBadPath          = "bad_path"
	ReasonBadRequestBody   = "bad_request_body"
	ReasonHeaderTooLarge   = "header_too_large"
	ReasonURITooLong       = "uri_too_long"
	ReasonBodyTooLarge     = "body_too_large"
	ReasonVersion          = "version_not_supported"
	ReasonExpectation      = "expectation_failed"
	ReasonConnectRefused   = "connect_refused"
	ReasonRequestTimeout   = "request_timeout"
	ReasonClientClosed     = "client_closed"
	ReasonNotHTTP          = "not_http"
	ReasonUpstreamProtocol = "upstream_protocol"
)

// refuse makes an error once, when the program starts; refusing a request
// allocates nothing.
func refuse(status int, reason, detail string) *message.Reply {
	return &message.Reply{Status: status, Reason: reason, Cause: errors.New(detail)}
}

// Errors of request heads.
var (
	errMethod        = refuse(400, ReasonBadRequestLine, "method is not a token")
	errMethodCase    = refuse(400, ReasonBadRequestLine, "method is a standard one in the wrong case")
	errRequestLine   = refuse(400, ReasonBadRequestLine, "request line is not \"method SP target SP version\"")
	errNotHTTP       = refuse(0, ReasonNotHTTP, "first line has nothing of a request line")
	errTarget        = refuse(400, ReasonBadRequestLine, "request target has a character that must be encoded")
	errTargetForm    = refuse(400, ReasonBadRequestLine, "request target has no form this server knows")
	errVersion       = refuse(505, ReasonVersion, "version is not HTTP/1.0 or HTTP/1.1")
	errConnect       = refuse(405, ReasonConnectRefused, "CONNECT is not served")
	errURITooLong    = refuse(414, ReasonURITooLong, "request line is too long")
	errBareLF        = refuse(400, ReasonBadHeader, "line ends in a bare LF")
	errFold          = refuse(400, ReasonBadHeader, "header line is folded")
	errName          = refuse(400, ReasonBadHeader, "header name is not a token")
	errColonSpace    = refuse(400, ReasonBadHeader, "white space before the colon")
	errColon         = refuse(400, ReasonBadHeader, "header line has no colon")
	errValue         = refuse(400, ReasonBadHeader, "header value has a control character")
	errUnderscore    = refuse(400, ReasonBadHeader, "header name has an underscore")
	errTooLarge      = refuse(431, ReasonHeaderTooLarge, "header section is too large")
	errTooMany       = refuse(431, ReasonHeaderTooLarge, "too many header lines")
	errNoHost        = refuse(400, ReasonBadHost, "Host is missing")
	errTwoHosts      = refuse(400, ReasonBadHost, "Host is given twice")
	errHost          = refuse(400, ReasonBadHost, "Host is not a name or address with an optional port")
	errHostMismatch  = refuse(400, ReasonBadHost, "Host and the request target disagree")
	errLength        = refuse(400, ReasonBadFraming, "Content-Length is not a number")
	errTwoLengths    = refuse(400, ReasonBadFraming, "Content-Length is given twice")
	errLengthCoding  = refuse(400, ReasonBadFraming, "both Content-Length and Transfer-Encoding")
	errCoding        = refuse(501, ReasonBadFraming, "transfer coding is not chunked alone")
	errTwoCodings    = refuse(400, ReasonBadFraming, "Transfer-Encoding is given twice")
	errCodingVersion = refuse(400, ReasonBadFraming, "Transfer-Encoding in HTTP/1.0")
	errExpect        = refuse(417, ReasonExpectation, "expectation is not 100-continue")
	errDotSegment    = refuse(400, ReasonBadPath, "path has a dot segment")
	errPathEncoding  = refuse(400, ReasonBadPath, "path has a broken, NUL or overlong percent-encoding")
)

// Errors of request bodies.
var (
	errChunkSize    = refuse(400, ReasonBadRequestBody, "chunk size is not a hexadecimal number")
	errChunkLine    = refuse(400, ReasonBadRequestBody, "chunk line is too long or not ended by CRLF")
	errChunkEnd     = refuse(400, ReasonBadRequestBody, "chunk data is not followed by CRLF")
	errTrailer      = refuse(400, ReasonBadRequestBody, "trailer section is malformed")
	errTrailerLarge = refuse(431, ReasonHeaderTooLarge, "trailer section is too large")
	errBodyTooLarge = refuse(413, ReasonBodyTooLarge, "request body is over the limit")
	errBodyCut      = &message.Reply{Reason: ReasonClientClosed, Cause: errors.New("client closed in the middle of its request")}
	errBodySlow     = refuse(408, ReasonRequestTimeout, "request body stopped arriving")
	errHeadSlow     = refuse(408, ReasonRequestTimeout, "request head was not complete in time")
)

// upstream makes an error about what a backend sent.
func upstream(detail string) *message.Reply {
	return &message.Reply{Status: 502, Reason: ReasonUpstreamProtocol, Cause: errors.New(detail)}
}

// Errors of responses.
var (
	errStatusLine       = upstream("status line is malformed")
	errResponseVersion  = upstream("response version is not HTTP/1.0 or HTTP/1.1")
	errResponseHeader   = upstream("response header is malformed")
	errResponseTooLarge = upstream("response header section is too large")
	errResponseFraming  = upstream("response framing is ambiguous")
	errTooMany1xx       = upstream("too many 1xx responses")
	errUnexpected101    = upstream("101 without an upgrade")
	errResponseChunk    = upstream("response chunk framing is malformed")
	errResponseTrailer  = upstream("response trailer section is malformed")
	errResponseCut      = upstream("backend closed in the middle of its response")
)
