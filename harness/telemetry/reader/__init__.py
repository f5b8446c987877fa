"""Reading telemetry files back: bounded, checked, summarised, integrated to energy."""
