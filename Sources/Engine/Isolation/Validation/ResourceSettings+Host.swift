import Model

extension ResourceSettings {
  /// The limits as they will hold: what this host cannot serve is left out (the validator has warned of it), and what was
  /// left open has docker's default or the policy's. So `inspect` shows what is in force.
  public func settled(host: HostProfile, policy: EnginePolicy) -> ResourceSettings {
    var result = self
    if !host.blockWeights {
      result.blockWeight = 0
      result.blockWeightDevices = []
    }
    if memoryBytes > 0, memorySwapBytes == 0 {
      // Docker's rule: as much swap again as memory; the number counts both.
      let (doubled, overflow) = memoryBytes.multipliedReportingOverflow(by: 2)
      result.memorySwapBytes = overflow ? -1 : doubled
    }
    if memoryBytes > 0, !host.swapLimits { result.memorySwapBytes = -1 }
    if pidsLimit == nil, policy.defaults.pidsLimit > 0 { result.pidsLimit = policy.defaults.pidsLimit }
    return result
  }
}
