"""The watch 贷后监测: exposures and what is known of their firms become assessments."""
