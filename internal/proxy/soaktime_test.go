package proxy_test

import (
	"os"
	"time"
)

// soakTime is how long the soak test runs.
func soakTime() time.Duration {
	if d, err := time.ParseDuration(os.Getenv("FSM_SOAK")); err == nil {
		return min(d, 2*time.Minute)
	}
	return 5 * time.Second
}
