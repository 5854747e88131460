import HTTPServing
import KubeMachinery

/// What security contexts must be.
enum SecurityRules {
  private static let ids: ClosedRange<Int64> = 0...Int64(Int32.max)

  static func pod(_ spec: JSONValue, at path: String) -> [FieldError] {
    let context = spec["securityContext"] ?? [:]
    let place = "\(path).securityContext"
    var errors = common(context, at: place)
    if let group = context["fsGroup"]?.integer { errors += Checks.range("\(place).fsGroup", group, ids) }
    for (index, group) in context.listAt("supplementalGroups").enumerated() {
      errors += Checks.range("\(place).supplementalGroups[\(index)]", group.integer ?? 0, ids)
    }
    var names: Set<String> = []
    for (index, setting) in context.listAt("sysctls").enumerated() {
      let name = setting.textAt("name")
      let field = "\(place).sysctls[\(index)].name"
      if !name.isEmpty, !isSysctl(name) {
        errors.append(
          .invalid(
            field, name,
            "must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"
          ))
      }
      if !names.insert(name).inserted { errors.append(.duplicate(field, .string(name))) }
    }
    if spec.flagAt("shareProcessNamespace"), spec.flagAt("hostPID") {
      errors.append(
        .invalid(
          "\(path).shareProcessNamespace", .bool(true), "ShareProcessNamespace and HostPID cannot both be enabled"))
    }
    if spec["hostUsers"]?.flag == false {
      for (field, name) in [("hostNetwork", "hostNetwork"), ("hostPID", "hostPID"), ("hostIPC", "hostIPC")]
      where spec.flagAt(field) {
        errors.append(.forbidden("\(path).\(name)", "when `hostUsers` is false"))
      }
    }
    return errors
  }

  private static func isSysctl(_ name: String) -> Bool {
    name.utf8.count <= 253
      && name.split(omittingEmptySubsequences: false, whereSeparator: { $0 == "." || $0 == "/" }).allSatisfy { part in
        guard let first = part.utf8.first, let last = part.utf8.last else { return false }
        func isAlphanumeric(_ byte: UInt8) -> Bool { (97...122).contains(byte) || (48...57).contains(byte) }
        return isAlphanumeric(first) && isAlphanumeric(last)
          && part.utf8.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }
      }
  }

  static func container(_ container: JSONValue, at path: String) -> [FieldError] {
    guard let context = container["securityContext"] else { return [] }
    var errors = common(context, at: path)
    guard context["allowPrivilegeEscalation"]?.flag == false else { return errors }
    if context.flagAt("privileged") {
      errors.append(
        .invalid(path, context, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"))
    }
    let added = context.listAt("capabilities", "add").compactMap(\.text)
    if added.contains("SYS_ADMIN") || added.contains("CAP_SYS_ADMIN") {
      errors.append(
        .invalid(
          path, context, "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"))
    }
    return errors
  }

  private static func common(_ context: JSONValue, at path: String) -> [FieldError] {
    var errors: [FieldError] = []
    for field in ["runAsUser", "runAsGroup"] {
      if let id = context[field]?.integer { errors += Checks.range("\(path).\(field)", id, ids) }
    }
    errors += profileErrors(context["seccompProfile"], "seccomp", at: "\(path).seccompProfile")
    errors += profileErrors(context["appArmorProfile"], "AppArmor", at: "\(path).appArmorProfile")
    return errors
  }

  private static func profileErrors(_ profile: JSONValue?, _ name: String, at path: String) -> [FieldError] {
    guard let profile else { return [] }
    let place = "\(path).localhostProfile"
    let local = profile["localhostProfile"]?.text
    if profile.textAt("type") == "Localhost" {
      guard let local, !local.isEmpty else {
        return [.required(place, "must be set when \(name) type is Localhost")]
      }
      return name == "seccomp" ? Checks.descending(place, local) : []
    }
    guard let local else { return [] }
    return [.invalid(place, local, "can only be set when \(name) type is Localhost")]
  }
}
