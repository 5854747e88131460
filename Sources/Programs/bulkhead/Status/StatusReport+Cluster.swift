extension StatusReport {
  /// Entries that people are shown of a list.
  private static let shownEntries = 5

  /// The server has said that it serves none.
  static func isUnserved(_ answer: StatusQuestion.Answer?) -> Bool {
    if case .failed(let error) = answer { error.status == 404 } else { false }
  }

  static func cluster(_ answer: StatusQuestion.Answer?, _ now: Int64) -> StatusPart {
    if isUnserved(answer) {
      var part = StatusPart(.cluster, .unused)
      part.lines = ["the server serves none"]
      return part
    }
    var part = StatusPart(.cluster)
    guard let status = told(.cluster, .server, answer, &part) else { return part }
    part.facts = .object(
      status.members.map { .init(name: $0.name.prefix(1).uppercased() + $0.name.dropFirst(), value: $0.value) })
    part.facts["CertificateEndsAt"] = .string(status["certificateEndsAt"].moment)
    part.lines = [
      status["addresses"].items.compactMap(\.string).joined(separator: ", "),
      certificate(status["certificateEndsAt"].int ?? 0, now, &part),
      nodes(status, &part), pods(status), workloads(status, &part), services(status),
    ]
    let warnings = status["warnings"].items
    if warnings.isEmpty { part.lines.append("warnings: none in the last hour") }
    for warning in warnings.prefix(shownEntries) { part.lines.append("warning: \(line(warning, now))") }
    if warnings.count > shownEntries { part.lines.append("… \(warnings.count - shownEntries) more warnings") }
    return part
  }

  private static func nodes(_ status: JSONValue, _ part: inout StatusPart) -> String {
    let all = status["nodes"].int ?? 0
    let missing = status["nodesNotReady"].items.compactMap(\.string)
    if all == 0 {
      part.add(problem: "no node has registered: is 'bulkheadd agent' running ('systemctl start bulkhead-agent')?")
    } else if !missing.isEmpty {
      part.add(
        problem: "not ready: node \(missing.joined(separator: ", ")); "
          + "'kubectl describe node' and 'journalctl -u bulkhead-agent' say why")
    }
    return "nodes: \(all.minus(Int64(missing.count))) of \(all) ready"
  }

  private static func pods(_ status: JSONValue) -> String {
    let phases = status["pods"].members.sorted { $0.name < $1.name }
    if phases.isEmpty { return "pods: none" }
    let waiting = status["podsNotReady"].int ?? 0
    return "pods: "
      + phases.map { phase in
        let note = phase.name == "Running" && waiting > 0 ? " (\(waiting) not ready)" : ""
        return "\(phase.value.int ?? 0) \(phase.name)\(note)"
      }.joined(separator: ", ")
  }

  private static func workloads(_ status: JSONValue, _ part: inout StatusPart) -> String {
    let unsettled = status["workloadsUnsettled"].items
    let named = unsettled.prefix(shownEntries).map { item in
      "\(item.text("kind").lowercased()) \(item.text("namespace"))/\(item.text("name")) has "
        + "\(item["available"].int ?? 0) of \(item["wanted"].int ?? 0) pods"
    }
    for text in named { part.add(problem: "\(text): 'kubectl describe' and 'kubectl get events' say why") }
    if unsettled.count > shownEntries {
      part.add(problem: "\(unsettled.count - shownEntries) more have another number of pods than wanted")
    }
    let all = status["workloads"].int ?? 0
    return "workloads: \(all)"
      + (unsettled.isEmpty ? "" : ", \(unsettled.count) with another number of pods than wanted")
  }

  private static func services(_ status: JSONValue) -> String {
    let lonely = status["servicesWithoutEndpoints"].items.compactMap(\.string)
    let named = lonely.prefix(shownEntries).joined(separator: ", ")
    let more = lonely.count > shownEntries ? " …" : ""
    return "services: \(status["services"].int ?? 0)"
      + (lonely.isEmpty ? "" : ", \(lonely.count) without a ready endpoint: \(named)\(more)")
  }

  private static func line(_ warning: JSONValue, _ now: Int64) -> String {
    let age = Units.age(seconds: max(now.minus(warning["at"].int ?? now), 0))
    let count = warning["count"].int ?? 1
    let times = count > 1 ? " (\(count) times)" : ""
    let message = warning.text("message").filter { !$0.isNewline }.prefix(100)
    return
      "\(age) ago, \(warning.text("namespace")) \(warning.text("object")): \(warning.text("reason")): \(message)\(times)"
  }
}
