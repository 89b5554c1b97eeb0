package scalers

// The file of another scaler has it.
const externalMetricType = "External"
