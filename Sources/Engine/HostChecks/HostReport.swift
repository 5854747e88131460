/// What `bulkhead doctor` says: each thing the engine needs or likes of the host, how it stands, and what to do.
public struct HostReport: Codable, Sendable, Equatable {
  public var kernelRelease: String
  public var machine: String
  public var checks: [HostCheck]

  /// The worst status among the checks.
  public var status: HostCheck.Status { checks.map(\.status).max() ?? .ok }

  /// Judges what was found. Pure: the same facts give the same report.
  public static func evaluate(_ facts: HostFacts) -> HostReport {
    HostReport(
      kernelRelease: facts.kernelRelease, machine: facts.machine,
      checks: kernelChecks(facts) + controlGroupChecks(facts) + confinementChecks(facts) + networkChecks(facts)
        + programChecks(facts) + machineChecks(facts))
  }

  /// Looks at this machine and judges it. Blocks for up to some seconds, as it runs programs and tries mounts; needs
  /// root for a full answer.
  public static func collect(_ request: HostProbeRequest = HostProbeRequest()) -> HostReport {
    evaluate(HostProbe(request: request).facts())
  }
}

/// One line of the report.
public struct HostCheck: Codable, Sendable, Equatable {
  public enum Status: String, Codable, Sendable, Comparable, CaseIterable {
    /// As wanted.
    case ok
    /// Worth knowing, nothing to do.
    case info
    /// Works, but something is missing, weaker or slower.
    case warn
    /// Containers cannot run, or not safely.
    case fail

    public static func < (left: Status, right: Status) -> Bool { left.rank < right.rank }
    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
  }

  /// Stable, for programs.
  public var id: String
  public var title: String
  public var status: Status
  public var found: String
  /// What to do about it; empty where nothing is.
  public var advice: String

  init(_ id: String, _ title: String, _ status: Status, _ found: String, advice: String = "") {
    self.id = id
    self.title = title
    self.status = status
    self.found = found
    self.advice = advice
  }
}
