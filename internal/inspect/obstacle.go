package inspect

import (
	corev1 "k8s.io/api/core/v1"
)

// fixes are what helps against the reasons for which containers wait.
var fixes = map[string]string{
	"ErrImagePull":               "is fsm.image right?",
	"ImagePullBackOff":           "is fsm.image right?",
	"InvalidImageName":           "is fsm.image right?",
	"CreateContainerConfigError": "is what the pod refers to there?",
	"CrashLoopBackOff":           "see its log with kubectl logs",
}

// Obstacle is what a pod waits for; empty if nothing says so.
func Obstacle(p *corev1.Pod) string {
	for _, s := range p.Status.ContainerStatuses {
		w := s.State.Waiting
		if w == nil || w.Reason == "ContainerCreating" {
			continue
		}
		text := w.Reason
		if w.Message != "" {
			text += ": " + w.Message
		}
		if fix := fixes[w.Reason]; fix != "" {
			text += "; " + fix
		}
		return text
	}
	for _, condition := range p.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse {
			return "no node takes it: " + condition.Message
		}
	}
	return ""
}
