package http1

// ReasonPhrase is the text behind a status code (RFC 9110, section 15). It is
// empty for codes without one; clients ignore it.
func ReasonPhrase(status int) string {
	if i := status/100 - 1; i >= 0 && i < len(phrases) && status%100 < len(phrases[i]) {
		return phrases[i][status%100]
	}
	return ""
}

// phrases are the texts by class and number.
var phrases = [...][]string{
	{"Continue", "Switching Protocols", "Processing", "Early Hints"},
	{
		"OK", "Created", "Accepted", "Non-Authoritative Information", "No Content", "Reset Content",
		"Partial Content", "Multi-Status", "Already Reported",
	},
	{
		"Multiple Choices", "Moved Permanently", "Found", "See Other", "Not Modified", "Use Proxy", "",
		"Temporary Redirect", "Permanent Redirect",
	},
	{
		0: "Bad Request", "Unauthorized", "Payment Required", "Forbidden", "Not Found", "Method Not Allowed",
		"Not Acceptable", "Proxy Authentication Required", "Request Timeout", "Conflict", "Gone", "Length Required",
		"Precondition Failed", "Content Too Large", "URI Too Long", "Unsupported Media Type", "Range Not Satisfiable",
		"Expectation Failed", "I'm a Teapot", 21: "Misdirected Request", "Unprocessable Content", "Locked",
		"Failed Dependency", "Too Early", "Upgrade Required", 28: "Precondition Required", "Too Many Requests",
		31: "Request Header Fields Too Large", 51: "Unavailable For Legal Reasons",
	},
	{
		"Internal Server Error", "Not Implemented", "Bad Gateway", "Service Unavailable", "Gateway Timeout",
		"HTTP Version Not Supported", "Variant Also Negotiates", "Insufficient Storage", "Loop Detected", "",
		"Not Extended", "Network Authentication Required",
	},
}
