import HTTPServing
import KubeMachinery

/// What containers may ask for. Source: Kubernetes *Resource Management for Pods and Containers*.
enum ResourceRules {
  private static let standard: Set<String> = ["cpu", "memory", "ephemeral-storage", "storage"]

  static func errors(_ resources: JSONValue?, at path: String) -> [FieldError] {
    guard let resources else { return [] }
    var errors = amounts(resources["limits"], at: "\(path).limits")
    errors += amounts(resources["requests"], at: "\(path).requests")
    for (name, value) in resources["requests"]?.members ?? [] {
      let limit = resources.textAt("limits", name)
      guard let request = quantity(value), let most = try? Quantity(parsing: limit) else { continue }
      if isExtended(name), request != most {
        errors.append(
          .invalid("\(path).requests", request.text, "must be equal to \(name) limit of \(most.text)"))
      } else if request > most {
        errors.append(
          .invalid("\(path).requests", request.text, "must be less than or equal to \(name) limit of \(most.text)"))
      }
    }
    for (name, _) in resources["requests"]?.members ?? [] where isExtended(name) && resources.at("limits", name) == nil
    {
      errors.append(.required("\(path).limits", "Limit must be set for non overcommitable resources"))
    }
    return errors
  }

  /// Names and amounts.
  static func amounts(_ list: JSONValue?, at path: String) -> [FieldError] {
    var errors: [FieldError] = []
    for (name, value) in list?.members ?? [] {
      let place = "\(path)[\(name)]"
      errors += NameRule.qualifiedName.errors(name, at: place)
      if !name.contains("/"), !standard.contains(name), !name.hasPrefix("hugepages-") {
        errors.append(.invalid(place, name, "must be a standard resource type or fully qualified"))
        errors.append(.invalid(place, name, "must be a standard resource for containers"))
      }
      guard let amount = quantity(value) else { continue }
      if amount < .zero {
        errors.append(.invalid(place, amount.text, "must be greater than or equal to 0"))
      }
      if isExtended(name), amount != Quantity(amount.value) {
        errors.append(.invalid(place, value, "must be an integer"))
      }
    }
    return errors
  }

  private static func quantity(_ value: JSONValue) -> Quantity? { value.text.flatMap { try? Quantity(parsing: $0) } }

  /// Resources of which nobody may get more than there is.
  private static func isExtended(_ name: String) -> Bool {
    name.hasPrefix("hugepages-") || name.contains("/") && !name.contains("kubernetes.io/")
  }
}
