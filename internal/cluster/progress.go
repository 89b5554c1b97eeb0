package cluster

// Progress is told what is being done: the step, and how far it has come as that
// changes. A step lasts until the next one is told.
type Progress func(step, detail string)

func (p Progress) say(step, detail string) {
	if p != nil {
		p(step, detail)
	}
}
