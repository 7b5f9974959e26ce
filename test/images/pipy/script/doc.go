// Package script understands the one-line scripts that the pages start Pipy with,
// and nothing more of its language:
//
//	script  = "pipy" "(" ")" server { server }
//	server  = "." "listen" "(" number ")" "." "serveHTTP" "(" handler ")"
//	handler = message | ( name | "(" [ name ] ")" ) "=>" value
//	message = "new" "Message" "(" [ "{" "status" ":" number "}" "," ] value ")"
//	value   = term { "+" term }
//	term    = string | message | "os" "." "env" "[" string "]" | name [ "." "head" ]
//	        | "console" "." "log" "(" value ")" | "(" value { "," value } ")"
//
// A name is that of the handler's parameter, the request. Everything else is an
// error when the script is read, with its place in the script: a test must not
// come to believe that a server does what it does not.
package script
