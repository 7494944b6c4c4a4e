"""From a paradigm and a test stimulus to the spike trains that enter the circuit."""
