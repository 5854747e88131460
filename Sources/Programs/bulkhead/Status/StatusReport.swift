/// The platform on one page: made of what its parts answered. Asks nothing itself.
struct StatusReport: Equatable {
  /// Of a disk: with less room than a twentieth much goes wrong soon.
  static let freeShare: Int64 = 20
  /// A certificate of 90 days is renewed a month before its end.
  static let renewalDays: Int64 = 14

  let parts: [StatusPart]

  /// - Parameters:
  ///   - answers: to the questions about the parts that are wanted.
  ///   - now: seconds since 1970.
  ///   - space: room on the disk of a folder: free and total bytes; nil where that is not known.
  init(
    _ wanted: [StatusPart.Name], _ answers: [StatusQuestion: StatusQuestion.Answer], now: Int64,
    space: (_ folder: String) -> (freeBytes: Int64, totalBytes: Int64)?
  ) {
    parts = wanted.map { name in
      switch name {
      case .engine: Self.engine(answers[.engine], answers[.disk], space)
      case .host: Self.host(answers[.host])
      case .server: Self.server(answers[.server], now)
      case .cluster: Self.cluster(answers[.cluster], now)
      case .agent: Self.agent(answers[.agent], hasCluster: !Self.isUnserved(answers[.cluster]))
      }
    }
  }

  var isWell: Bool { parts.allSatisfy(\.isWell) }

  /// What is wrong as a whole.
  private var state: StatusPart.State {
    parts.contains { $0.state == .down } ? .down : isWell ? .up : .degraded
  }

  // MARK: - Shown

  var json: JSONValue {
    var value: JSONValue = ["State": .string(state.rawValue)]
    for part in parts { value[part.name.rawValue.capitalizedWord] = part.json }
    return value
  }

  var page: String {
    var rows = [["PART", "STATE", "WHAT"]]
    for part in parts {
      let lines = part.lines.isEmpty ? ["-"] : part.lines
      rows.append([part.name.rawValue, part.state.rawValue, lines[0]])
      rows += lines.dropFirst().map { ["", "", $0] }
    }
    var text = Listing.align(rows)
    let problems = parts.flatMap { part in part.problems.map { "  \(part.name.rawValue): \($0)\n" } }
    if !problems.isEmpty { text += "\nWhat needs care:\n" + problems.joined() }
    return text
  }

  // MARK: - Parts

  /// The answer's facts; nil where there are none, which the part tells of then.
  static func told(
    _ name: StatusPart.Name, _ service: Service, _ answer: StatusQuestion.Answer?, _ part: inout StatusPart
  ) -> JSONValue? {
    switch answer {
    case .told(let facts): return facts
    case .failed(let error): part = .down(name, error.message)
    case .forbidden(let isListening):
      part = StatusPart(name, .hidden)
      part.lines = [
        isListening
          ? "listens; more is told to root and the group 'bulkhead'"
          : "nothing is seen of it; more is told to root and the group 'bulkhead'"
      ]
      part.facts = ["Listening": .bool(isListening)]
    case .late, nil:
      part = .down(
        name,
        "no answer within \(StatusQuestion.limitSeconds) s: its log says why ('journalctl -u \(service.unit)')")
    }
    return nil
  }

  private static func engine(
    _ answer: StatusQuestion.Answer?, _ disk: StatusQuestion.Answer?,
    _ space: (_ folder: String) -> (freeBytes: Int64, totalBytes: Int64)?
  ) -> StatusPart {
    var part = StatusPart(.engine)
    guard let info = told(.engine, .engine, answer, &part) else { return part }
    func count(_ field: String) -> Int64 { info[field].int ?? 0 }
    let (version, root) = (info.text("ServerVersion"), info.text("DockerRootDir"))
    part.facts = [
      "Version": .string(version), "Root": .string(root), "Running": .int(count("ContainersRunning")),
      "Paused": .int(count("ContainersPaused")), "Stopped": .int(count("ContainersStopped")),
      "Images": .int(count("Images")),
    ]
    let paused = count("ContainersPaused") > 0 ? "\(count("ContainersPaused")) paused, " : ""
    part.lines = [
      "version \(version), root \(root)",
      "containers: \(count("ContainersRunning")) running, \(paused)\(count("ContainersStopped")) stopped; "
        + "images: \(count("Images"))",
    ]
    let used: Int64? = if case .told(let answer) = disk { usedBytes(answer) } else { nil }
    part.facts["UsedBytes"] = used.map { .int($0) } ?? .null
    let shownUse = used.map(Units.decimalSize) ?? "unknown"
    guard let (free, total) = space(root), total > 0 else {
      part.lines.append("disk: \(shownUse) used")
      return part
    }
    part.facts["FreeBytes"] = .int(free)
    part.facts["TotalBytes"] = .int(total)
    part.lines.append(
      "disk: \(shownUse) used, \(Units.decimalSize(free)) free of \(Units.decimalSize(total))")
    if free < total / freeShare {
      part.add(
        problem: "its disk is nearly full: 'bulkhead system df' tells what takes it, 'bulkhead system prune' frees some"
      )
    }
    return part
  }

  /// Of layers, what containers have written, volumes and steps of builds.
  static func usedBytes(_ usage: JSONValue) -> Int64 {
    let volumes = usage["Volumes"].items.map { $0["UsageData"]["Size"] }
    let steps = usage["BuildCache"].items.map { $0["Size"] }
    let parts = [usage["LayersSize"]] + usage["Containers"].items.map { $0["SizeRw"] } + volumes + steps
    return parts.reduce(0) { $0.plus(max($1.int ?? 0, 0)) }
  }

  private static func host(_ answer: StatusQuestion.Answer?) -> StatusPart {
    var part = StatusPart(.host)
    guard case .told(let report) = answer else {
      // The engine answers for itself: that nobody has looked at the host is no fault of the platform.
      part = StatusPart(.host, .hidden)
      if case .failed(let error) = answer {
        part.lines = ["not looked at: \(error.message)"]
      } else {
        part.lines = ["not looked at within \(StatusQuestion.limitSeconds) s: 'bulkhead doctor' takes its time"]
      }
      return part
    }
    func titles(_ status: String) -> [String] {
      report["checks"].items.filter { $0.text("status") == status }.map { $0.text("title") }
    }
    let (warnings, failures) = (titles("warn"), titles("fail"))
    part.facts = ["Warnings": .strings(warnings), "Failures": .strings(failures)]
    part.lines = [
      "checks: \(report["checks"].items.count), warnings: \(warnings.count)"
        + (warnings.isEmpty ? "" : " (\(warnings.joined(separator: ", ")))")
    ]
    if !failures.isEmpty {
      part.add(
        problem: "containers cannot run, or not safely, for want of: \(failures.joined(separator: ", ")); "
          + "'bulkhead doctor' tells what to do")
    }
    return part
  }

  private static func server(_ answer: StatusQuestion.Answer?, _ now: Int64) -> StatusPart {
    var part = StatusPart(.server)
    guard let status = told(.server, .server, answer, &part) else { return part }
    let addresses = status["addresses"].items.compactMap(\.string)
    let end = status["certificateEndsAt"].int ?? 0
    part.facts = [
      "Version": status["version"], "Addresses": status["addresses"],
      "CertificateEndsAt": .string(status["certificateEndsAt"].moment), "Projects": status["projects"],
      "UsedBytes": status["usedBytes"], "FreeBytes": status["freeBytes"],
    ]
    part.lines = [
      "version \(status.text("version")), \(addresses.joined(separator: ", "))", certificate(end, now, &part),
      "projects: \(status["projects"].int ?? 0), \(Units.decimalSize(status["usedBytes"].int ?? 0)) used, "
        + "\(Units.decimalSize(status["freeBytes"].int ?? 0)) free",
    ]
    return part
  }

  /// The line of a certificate; one that nobody has renewed in time is a problem.
  static func certificate(_ end: Int64, _ now: Int64, _ part: inout StatusPart) -> String {
    let days = end.minus(now) / 86_400
    if end <= now {
      part.add(problem: "its certificate is over: restart the server ('systemctl restart bulkhead-server')")
    } else if days < renewalDays {
      part.add(
        problem: "its certificate ends in \(days) days and was not renewed: 'journalctl -u bulkhead-server' says why")
    }
    return "certificate: until \(JSONValue.int(end).moment.prefix(10))"
  }

  private static func agent(_ answer: StatusQuestion.Answer?, hasCluster: Bool) -> StatusPart {
    var part = StatusPart(.agent)
    guard let status = told(.agent, .agent, answer, &part) else {
      // Without a cluster there is nothing for it to do.
      if part.state == .down, !hasCluster {
        part = StatusPart(.agent, .unused)
        part.lines = ["the server serves no cluster"]
      }
      return part
    }
    part.facts = [
      "Node": status["node"], "Address": status["address"], "Version": status["version"], "Pods": status["pods"],
    ]
    part.lines = [
      "node \(status.text("node")) (\(status.text("address"))), pods: \(status["pods"].int ?? 0)"
    ]
    return part
  }
}

extension String {
  /// With a capital letter in front.
  fileprivate var capitalizedWord: String { prefix(1).uppercased() + dropFirst() }
}
