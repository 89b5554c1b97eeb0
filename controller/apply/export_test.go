package apply

// OverwrittenFields exports overwrittenFields.
var OverwrittenFields = overwrittenFields //nolint:gochecknoglobals // A function.
