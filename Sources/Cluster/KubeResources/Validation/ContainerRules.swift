import HTTPServing
import KubeMachinery

/// What a pod's containers must be: all together, and each.
struct ContainerRules {
  let podSpec: JSONValue
  /// Names of the pod's volumes.
  let volumes: Set<String>

  private enum Role { case main, sidecar, beforehand, debugging }

  func errors(at path: String) -> [FieldError] {
    var names: Set<String> = []
    var hostPorts: Set<String> = []
    var errors: [FieldError] = []
    let containers = podSpec.listAt("containers")
    if containers.isEmpty { errors.append(.required("\(path).containers")) }
    for (index, container) in containers.enumerated() {
      errors += one(container, "\(path).containers[\(index)]", .main, &names, &hostPorts)
    }
    for (index, container) in podSpec.listAt("initContainers").enumerated() {
      let role: Role = container.textAt("restartPolicy") == "Always" ? .sidecar : .beforehand
      var ports = role == .sidecar ? hostPorts : []
      errors += one(container, "\(path).initContainers[\(index)]", role, &names, &ports)
      if role == .sidecar { hostPorts = ports }
    }
    for (index, container) in podSpec.listAt("ephemeralContainers").enumerated() {
      var ports: Set<String> = []
      errors += one(container, "\(path).ephemeralContainers[\(index)]", .debugging, &names, &ports)
    }
    return errors
  }

  private func one(
    _ container: JSONValue, _ path: String, _ role: Role, _ names: inout Set<String>, _ hostPorts: inout Set<String>
  ) -> [FieldError] {
    var errors: [FieldError] = []
    let name = container.textAt("name")
    if !name.isEmpty {
      errors += NameRule.label.errors(name, at: "\(path).name")
      if !names.insert(name).inserted { errors.append(.duplicate("\(path).name", .string(name))) }
    }
    errors += imageErrors(container, path) + portErrors(container, path, &hostPorts)
    errors += EnvironmentRules.errors(container, at: path)
    errors += mountErrors(container, path)
    errors += ResourceRules.errors(container["resources"], at: "\(path).resources")
    errors += SecurityRules.container(container, at: "\(path).securityContext")
    switch role {
    case .main, .sidecar:
      let grace = podSpec["terminationGracePeriodSeconds"]?.integer
      errors += ProbeRules.errors(container, graceSeconds: grace.flatMap { $0 < 0 ? nil : $0 }, at: path)
    case .beforehand:
      for field in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] where container.has(field) {
        errors.append(
          .forbidden("\(path).\(field)", "may not be set for init containers without restartPolicy=Always"))
      }
    case .debugging:
      for field in ["ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "resizePolicy"]
      where container.has(field) {
        errors.append(.forbidden("\(path).\(field)", "cannot be set for an Ephemeral Container"))
      }
      if !(container["resources"] ?? [:]).members.isEmpty {
        errors.append(.forbidden("\(path).resources", "cannot be set for an Ephemeral Container"))
      }
    }
    if role == .main, container.has("restartPolicy") {
      errors.append(.forbidden("\(path).restartPolicy", "may not be set for non-init containers"))
    }
    return errors
  }

  private func imageErrors(_ container: JSONValue, _ path: String) -> [FieldError] {
    let image = container.textAt("image")
    guard !image.isEmpty else { return [.required("\(path).image")] }
    return image.first?.isWhitespace == true || image.last?.isWhitespace == true
      ? [.invalid("\(path).image", image, "must not have leading or trailing whitespace")] : []
  }

  private func portErrors(_ container: JSONValue, _ path: String, _ hostPorts: inout Set<String>) -> [FieldError] {
    var errors: [FieldError] = []
    var names: Set<String> = []
    for (index, port) in container.listAt("ports").enumerated() {
      let place = "\(path).ports[\(index)]"
      let name = port.textAt("name")
      if !name.isEmpty {
        errors += NameRule.portName.errors(name, at: "\(place).name")
        if !names.insert(name).inserted { errors.append(.duplicate("\(place).name", .string(name))) }
      }
      let number = port.numberAt("containerPort")
      errors += number == 0 ? [.required("\(place).containerPort")] : Checks.port("\(place).containerPort", number)
      let hostPort = port.numberAt("hostPort")
      if hostPort != 0 {
        errors += Checks.port("\(place).hostPort", hostPort)
        if podSpec.flagAt("hostNetwork"), hostPort != number {
          errors.append(
            .invalid("\(place).hostPort", .integer(hostPort), "must match `containerPort` when `hostNetwork` is true"))
        }
        let place = "\(path).ports[\(index)].hostPort"
        let used = "\(port.textAt("protocol"))/\(port.textAt("hostIP"))/\(hostPort)"
        if !hostPorts.insert(used).inserted { errors.append(.duplicate(place, .string(used))) }
      }
      let address = port.textAt("hostIP")
      if !address.isEmpty { errors += Checks.address("\(place).hostIP", address) }
    }
    return errors
  }

  private func mountErrors(_ container: JSONValue, _ path: String) -> [FieldError] {
    var errors: [FieldError] = []
    var paths: Set<String> = []
    for (index, mount) in container.listAt("volumeMounts").enumerated() {
      let place = "\(path).volumeMounts[\(index)]"
      let (name, target) = (mount.textAt("name"), mount.textAt("mountPath"))
      if !name.isEmpty, !volumes.contains(name) { errors.append(.notFound("\(place).name", .string(name))) }
      if !target.isEmpty, !paths.insert(target).inserted {
        errors.append(.invalid("\(place).mountPath", target, "must be unique"))
      }
      for field in ["subPath", "subPathExpr"] where !mount.textAt(field).isEmpty {
        errors += Checks.descending("\(place).\(field)", mount.textAt(field))
      }
      if !mount.textAt("subPath").isEmpty, !mount.textAt("subPathExpr").isEmpty {
        errors.append(
          .invalid(
            "\(place).subPathExpr", mount.textAt("subPathExpr"), "subPathExpr and subPath are mutually exclusive"))
      }
      if mount.textAt("mountPropagation") == "Bidirectional", !container.flagAt("securityContext", "privileged") {
        errors.append(
          .forbidden(
            "\(place).mountPropagation", "Bidirectional mount propagation is available only to privileged containers"))
      }
    }
    return errors
  }
}
