#!/bin/sh
# Prints the Secret that "kubectl create secret tls ingress-cert -n httpbin"
# would make: secret.sh CERTIFICATE KEY
cat <<EOF
apiVersion: v1
kind: Secret
metadata:
  name: ingress-cert
  namespace: httpbin
type: kubernetes.io/tls
data:
  tls.crt: $(base64 -w0 "$1")
  tls.key: $(base64 -w0 "$2")
EOF
