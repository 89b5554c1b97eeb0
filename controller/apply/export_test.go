package apply

// OverwrittenFields exports overwrittenFields.
var OverwrittenFields = overwrittenFields
