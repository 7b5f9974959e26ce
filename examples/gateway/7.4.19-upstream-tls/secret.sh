#!/bin/sh
# Prints the Secret that "kubectl create secret generic -n httpbin https-cert
# --from-file=ca.crt=AUTHORITY" would make: secret.sh AUTHORITY
cat <<EOF
apiVersion: v1
kind: Secret
metadata:
  name: https-cert
  namespace: httpbin
data:
  ca.crt: $(base64 -w0 "$1")
EOF
