import HTTPServing
import KubeMachinery
import KubeResources

/// `conditions` of a status.
extension JSONValue {
  func condition(_ type: String) -> JSONValue? { listAt("conditions").first { $0.textAt("type") == type } }

  func conditionHolds(_ type: String) -> Bool { condition(type)?.textAt("status") == "True" }

  /// Sets a condition of this status. The moment of its transition stays where its status does.
  /// - Parameter updates: whether the condition has a moment of its last update too.
  /// - Returns: whether anything but moments changed.
  @discardableResult
  mutating func setCondition(
    _ type: String, _ status: String, reason: String, message: String, at now: Timestamp, updates: Bool = false
  ) -> Bool {
    let old = condition(type)
    if let old, old.textAt("status") == status, old.textAt("reason") == reason, old.textAt("message") == message {
      return false
    }
    var new: JSONValue = ["type": .string(type), "status": .string(status)]
    if updates { new["lastUpdateTime"] = .string(now.text) }
    new["lastTransitionTime"] =
      old?.textAt("status") == status ? old?["lastTransitionTime"] ?? .string(now.text) : .string(now.text)
    if !reason.isEmpty { new["reason"] = .string(reason) }
    if !message.isEmpty { new["message"] = .string(message) }
    var all = listAt("conditions")
    if let place = all.firstIndex(where: { $0.textAt("type") == type }) { all[place] = new } else { all.append(new) }
    self["conditions"] = .array(all)
    return true
  }

  mutating func removeCondition(_ type: String) {
    guard condition(type) != nil else { return }
    let rest = listAt("conditions").filter { $0.textAt("type") != type }
    self["conditions"] = rest.isEmpty ? nil : .array(rest)
  }

  /// Sets a number; zero leaves it out, as Kubernetes' documents do.
  mutating func setCount(_ name: String, _ count: Int64) { self[name] = count == 0 ? nil : .integer(count) }
}
