import HTTPServing
import KubeMachinery

/// What templates of pods must be, and the selectors that belong to them.
enum TemplateRules {
  static func errors(_ template: JSONValue, at path: String) -> [FieldError] {
    var errors = MetadataNames.labelErrors(template.at("metadata", "labels"), at: "\(path).labels")
    errors += MetadataNames.annotationErrors(template.at("metadata", "annotations"), at: "\(path).annotations")
    errors += PodSpecRules.errors(template["spec"] ?? [:], at: "\(path).spec")
    if !template.listAt("spec", "ephemeralContainers").isEmpty {
      errors.append(.forbidden("\(path).spec.ephemeralContainers", "ephemeral containers not allowed in pod template"))
    }
    return errors
  }

  /// `selector`: with `matchLabels`; `kind` in small letters, as the sentence about an empty one names it.
  static func selectorErrors(
    _ spec: JSONValue, kind: String, at path: String = "spec"
  ) -> [FieldError] {
    guard let selector = spec["selector"] else { return [.required("\(path).selector")] }
    var errors = LabelSelector.errors(in: selector, at: "\(path).selector")
    if selector.listAt("matchExpressions").isEmpty, (selector["matchLabels"]?.members ?? []).isEmpty {
      errors.append(.invalid("\(path).selector", selector, "empty selector is invalid for \(kind)"))
    } else if errors.isEmpty {
      errors += matchErrors(LabelSelector(document: selector), spec["template"] ?? [:], at: "\(path).template")
    }
    return errors
  }

  static func matchErrors(_ selector: LabelSelector, _ template: JSONValue, at path: String) -> [FieldError] {
    let labels = template.at("metadata", "labels")
    guard !selector.matches(labels) else { return [] }
    return [.invalid("\(path).metadata.labels", labels ?? [:], "`selector` does not match template `labels`")]
  }

  /// Of what keeps pods running: they are always started anew and have no deadline.
  static func lastingErrors(_ template: JSONValue, kind: String, at path: String = "spec.template") -> [FieldError] {
    var errors = errors(template, at: path)
    let policy = template.textAt("spec", "restartPolicy")
    if policy != "Always", !policy.isEmpty {
      errors.append(.notSupported("\(path).spec.restartPolicy", policy, ["Always"]))
    }
    if template.at("spec", "activeDeadlineSeconds") != nil {
      errors.append(
        .forbidden(
          "\(path).spec.activeDeadlineSeconds", "activeDeadlineSeconds in \(kind) is not Supported"))
    }
    return errors
  }
}
