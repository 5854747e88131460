import HTTPServing
import KubeMachinery

/// What probes and hooks must be.
enum ProbeRules {
  /// - Parameter graceSeconds: the time that the pod has for its end; nil where it says nothing sensible about that.
  static func errors(_ container: JSONValue, graceSeconds: Int64?, at path: String) -> [FieldError] {
    var errors: [FieldError] = []
    for field in ["livenessProbe", "readinessProbe", "startupProbe"] {
      guard let probe = container[field] else { continue }
      errors += probeErrors(probe, field: field, at: "\(path).\(field)")
    }
    for field in ["postStart", "preStop"] {
      guard let hook = container.at("lifecycle", field) else { continue }
      errors += handlerErrors(hook, at: "\(path).lifecycle.\(field)")
      // What is wrong with the grace period itself is told of that field.
      if let seconds = hook.at("sleep", "seconds")?.integer, let graceSeconds, !(0...graceSeconds).contains(seconds) {
        errors.append(
          .invalid(
            "\(path).lifecycle.\(field).sleep", .integer(seconds),
            "must be non-negative and less than terminationGracePeriodSeconds (\(graceSeconds))"))
      }
    }
    return errors
  }

  private static func probeErrors(_ probe: JSONValue, field: String, at path: String) -> [FieldError] {
    var errors = handlerErrors(probe, at: path)
    for name in ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"] {
      errors += Checks.notNegative("\(path).\(name)", probe[name])
    }
    let grace = probe["terminationGracePeriodSeconds"]?.integer
    if field == "readinessProbe" {
      if let grace {
        errors.append(
          .invalid("\(path).terminationGracePeriodSeconds", .integer(grace), "must not be set for readinessProbes"))
      }
      return errors
    }
    if let grace, grace <= 0 {
      errors.append(.invalid("\(path).terminationGracePeriodSeconds", .integer(grace), "must be greater than 0"))
    }
    errors += Checks.seconds("\(path).terminationGracePeriodSeconds", grace.flatMap { $0 > 0 ? .integer($0) : nil })
    if probe.numberAt("successThreshold") != 1 {
      errors.append(.invalid("\(path).successThreshold", .integer(probe.numberAt("successThreshold")), "must be 1"))
    }
    return errors
  }

  private static func handlerErrors(_ handler: JSONValue, at path: String) -> [FieldError] {
    let given = ["exec", "httpGet", "tcpSocket", "grpc", "sleep"].filter { handler.has($0) }
    guard let first = given.first else { return [.required(path, "must specify a handler type")] }
    var errors = given.dropFirst().map {
      FieldError.forbidden("\(path).\($0)", "may not specify more than 1 handler type")
    }
    let action = handler[first] ?? [:]
    let place = "\(path).\(first)"
    switch first {
    case "exec": if action.listAt("command").isEmpty { errors.append(.required("\(place).command")) }
    case "httpGet":
      if action.has("port") { errors += Checks.portReference("\(place).port", action["port"]) }
      for (index, header) in action.listAt("httpHeaders").enumerated() {
        errors += headerErrors(header.textAt("name"), at: "\(place).httpHeaders[\(index)].name")
      }
    case "tcpSocket": if action.has("port") { errors += Checks.portReference("\(place).port", action["port"]) }
    case "grpc": errors += Checks.port("\(place).port", action.numberAt("port"))
    default: break
    }
    return errors
  }

  private static func headerErrors(_ name: String, at path: String) -> [FieldError] {
    let isToken = name.utf8.allSatisfy { byte in
      switch byte {
      case 48...57, 65...90, 97...122, UInt8(ascii: "-"): true
      default: false
      }
    }
    guard !isToken, !name.isEmpty else { return [] }
    return [
      .invalid(
        path, name,
        "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')"
      )
    ]
  }
}
