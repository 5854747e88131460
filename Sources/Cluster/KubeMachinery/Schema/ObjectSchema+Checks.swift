import HTTPServing

extension ObjectSchema {
  /// What every object of this form must hold: required fields, and values that are among the few allowed.
  ///
  /// `path`: where the object stands, empty for a whole document. `skipping`: fields at this level that are not looked at.
  /// At most `FieldError.maxCount` errors.
  public func structuralErrors(
    in object: JSONValue, at path: String = "", skipping: Set<String> = []
  ) -> [FieldError] {
    var errors: [FieldError] = []
    check(object, path, skipping, &errors)
    return errors
  }

  private func check(_ object: JSONValue, _ path: String, _ skipping: Set<String>, _ errors: inout [FieldError]) {
    guard holdsChecks else { return }
    for field in fields where !skipping.contains(field.name) && errors.count < FieldError.maxCount {
      let isDeep = field.schema.inner?.holdsChecks == true
      guard field.isRequired || isDeep || field.schema.isEnumeration else { continue }
      let value = object[field.name]
      if field.isRequired, !field.allowsEmpty, Self.isMissing(value, field.schema) {
        errors.append(FieldError(.required, Self.joined(path, field.name), "Required value"))
      } else if let value, isDeep || field.schema.isEnumeration {
        Self.check(value, field.schema, Self.joined(path, field.name), &errors)
      }
    }
  }

  private static func check(_ value: JSONValue, _ schema: Schema, _ path: String, _ errors: inout [FieldError]) {
    switch (schema, value) {
    case (.object(let inner), _): inner.check(value, path, [], &errors)
    case (.list(let inner, _), .array(let items)):
      for (index, item) in items.enumerated() where errors.count < FieldError.maxCount {
        check(item, inner, "\(path)[\(index)]", &errors)
      }
    case (.map(let inner, _), .object(let members)):
      for (name, member) in members where errors.count < FieldError.maxCount {
        check(member, inner, "\(path)[\(name)]", &errors)
      }
    case (.string(_, let allowed), .string(let text)):
      if !allowed.isEmpty, !text.isEmpty, !allowed.contains(text) {
        errors.append(.notSupported(path, text, allowed))
      }
    default: return
    }
  }

  private static func joined(_ path: String, _ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

  private static func isMissing(_ value: JSONValue?, _ schema: Schema) -> Bool {
    switch (schema, value) {
    case (.string, .string(let text)), (.base64, .string(let text)), (.time, .string(let text)): text.isEmpty
    case (.list, .array(let items)): items.isEmpty
    case (.string, nil), (.base64, nil), (.time, nil), (.microTime, nil), (.list, nil), (.object, nil), (.map, nil),
      (.quantity, nil), (.intOrString, nil):
      true
    default: false
    }
  }
}

extension FieldError {
  /// Errors told of one document; more help nobody.
  public static let maxCount = 100

  /// `Unsupported value: "x": supported values: "A", "B"`, the values sorted.
  public static func notSupported(_ path: String, _ value: String, _ allowed: [String]) -> FieldError {
    let values = allowed.sorted().map(GoText.quoted).joined(separator: ", ")
    return FieldError(.notSupported, path, "Unsupported value: \(GoText.quoted(value)): supported values: \(values)")
  }

  public static func required(_ path: String, _ detail: String = "") -> FieldError {
    FieldError(.required, path, detail.isEmpty ? "Required value" : "Required value: \(detail)")
  }

  public static func forbidden(_ path: String, _ detail: String) -> FieldError {
    FieldError(.forbidden, path, "Forbidden: \(detail)")
  }

  public static func duplicate(_ path: String, _ value: JSONValue) -> FieldError {
    FieldError(.duplicate, path, "Duplicate value: \(value.encodedText)")
  }

  public static func notFound(_ path: String, _ value: JSONValue) -> FieldError {
    FieldError(.notFound, path, "Not found: \(value.encodedText)")
  }

  /// `Invalid value: VALUE: DETAIL`, the value as JSON.
  public static func invalid(_ path: String, _ value: JSONValue, _ detail: String) -> FieldError {
    FieldError(.invalid, path, "Invalid value: \(value.encodedText): \(detail)")
  }
}
