package render

// ShareEdited shares renders of templates that are not those in this program, so that tests find what the syntax of a set
// shows.
func (t *Templates) ShareEdited() { t.shares = true }
