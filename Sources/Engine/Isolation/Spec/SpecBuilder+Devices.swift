import LinuxSystem
import Model
import OCITypes

extension SpecBuilder {
  /// Everything is denied first. The nodes every container has (null, zero, full, random, urandom, tty, ptmx, pts) are
  /// allowed by the runtimes themselves and by these rules, whichever runtime it is.
  private static let standardRules: [Linux.DeviceRule] = [
    Linux.DeviceRule(allow: false),
    Linux.DeviceRule(allow: true, type: "c", major: 1, minor: 3),
    Linux.DeviceRule(allow: true, type: "c", major: 1, minor: 5),
    Linux.DeviceRule(allow: true, type: "c", major: 1, minor: 7),
    Linux.DeviceRule(allow: true, type: "c", major: 1, minor: 8),
    Linux.DeviceRule(allow: true, type: "c", major: 1, minor: 9),
    Linux.DeviceRule(allow: true, type: "c", major: 5, minor: 0),
    Linux.DeviceRule(allow: true, type: "c", major: 5, minor: 1),
    Linux.DeviceRule(allow: true, type: "c", major: 5, minor: 2),
    Linux.DeviceRule(allow: true, type: "c", major: 136),
  ]

  static func deviceRules(_ input: SpecInput, plan: Plan) throws -> [Linux.DeviceRule] {
    if plan.privileged { return [Linux.DeviceRule(allow: true)] }
    var rules = standardRules
    for device in input.devices {
      rules.append(
        Linux.DeviceRule(
          allow: true, type: device.kind.rawValue, major: Int64(device.number.major),
          minor: Int64(device.number.minor),
          access: device.permissions))
    }
    for text in input.settings.host.deviceCgroupRules { rules.append(try DeviceCgroupRule.parse(text)) }
    return rules
  }

  /// Nodes for the runtime to make, where there is no user namespace.
  static func devices(_ input: SpecInput, plan: Plan) -> [Linux.Device]? {
    guard !plan.hasUserNamespace, !input.devices.isEmpty else { return nil }
    return input.devices.map { device in
      var node = Linux.Device(
        type: device.kind.rawValue, path: device.destination, major: Int64(device.number.major),
        minor: Int64(device.number.minor))
      node.fileMode = device.mode
      node.uid = 0
      node.gid = 0
      return node
    }
  }
}

/// The text of `--device-cgroup-rule`: type, numbers and access, such as `c 42:* rmw`.
enum DeviceCgroupRule {
  /// Throws `invalidArgument` for anything else.
  static func parse(_ text: String) throws -> RuntimeSpec.Linux.DeviceRule {
    let invalid = PlatformError(.invalidArgument, "invalid device cgroup rule format: '\(text.prefix(100))'")
    let parts = text.split(separator: " ", omittingEmptySubsequences: false)
    guard parts.count == 3, ["a", "b", "c"].contains(parts[0]) else { throw invalid }
    let numbers = parts[1].split(separator: ":", omittingEmptySubsequences: false)
    let access = parts[2]
    guard numbers.count == 2, (1...3).contains(access.utf8.count), access.allSatisfy({ "rwm".contains($0) }) else {
      throw invalid
    }
    func number(_ text: Substring) throws -> Int64? {
      if text == "*" { return nil }
      guard let value = UInt32(text), text.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) else { throw invalid }
      return Int64(value)
    }
    return RuntimeSpec.Linux.DeviceRule(
      allow: true, type: String(parts[0]), major: try number(numbers[0]), minor: try number(numbers[1]),
      access: String(access))
  }
}
