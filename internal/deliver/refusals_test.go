package deliver

import (
	"fmt"
	"testing"
	"time"
)

// TestNews: the same is news again after a minute, and there is an end to news.
func TestNews(t *testing.T) {
	var r refusals
	now := time.Now()
	said := func(what string, after time.Duration) bool { return r.news(what, now.Add(after)) }
	if !said("a", 0) || said("a", time.Second) || !said("b", time.Second) || !said("a", quiet) {
		t.Error("not each thing once a minute")
	}
	news := 0
	for i := range 2 * mostSaid {
		if said(fmt.Sprint(i), 2*quiet) {
			news++
		}
	}
	if news != mostSaid {
		t.Errorf("%d lines in a minute, want %d", news, mostSaid)
	}
}
