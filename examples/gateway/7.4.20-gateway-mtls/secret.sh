#!/bin/sh
# Prints the Secret that "kubectl create secret generic -n httpbin
# simple-gateway-cert" would make of three files: secret.sh CERTIFICATE KEY AUTHORITY
cat <<EOF
apiVersion: v1
kind: Secret
metadata:
  name: simple-gateway-cert
  namespace: httpbin
data:
  tls.crt: $(base64 -w0 "$1")
  tls.key: $(base64 -w0 "$2")
  ca.crt: $(base64 -w0 "$3")
EOF
