print("diversion-monitor")
