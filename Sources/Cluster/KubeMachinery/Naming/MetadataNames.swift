import HTTPServing

/// The rules on the names within `metadata` that are the same for all kinds.
public enum MetadataNames {
  /// All keys and values of an object's annotations together.
  public static let maxAnnotationBytes = 256 * 1024

  /// `labels`: nil or null where the document has none. Errors carry `path` without the key, as a server writes them.
  public static func labelErrors(_ labels: JSONValue?, at path: String) -> [FieldError] {
    guard case .object(let members) = labels else { return [] }
    return members.flatMap { name, value in
      var errors = NameRule.qualifiedName.errors(name, at: path)
      if case .string(let text) = value { errors += NameRule.labelValue.errors(text, at: path) }
      return errors
    }
  }

  public static func annotationErrors(_ annotations: JSONValue?, at path: String) -> [FieldError] {
    guard case .object(let members) = annotations else { return [] }
    var errors = members.flatMap { NameRule.annotationKey.errors($0.name, at: path) }
    let sizeBytes = members.reduce(0) { sum, member in
      guard case .string(let text) = member.value else { return sum + member.name.utf8.count }
      return sum + member.name.utf8.count + text.utf8.count
    }
    if sizeBytes > maxAnnotationBytes {
      errors.append(FieldError(.tooLong, path, "Too long: may not be more than \(maxAnnotationBytes) bytes"))
    }
    return errors
  }

  /// What identifies a writer in managed fields; empty where the client names none. At most 128 bytes.
  public static func fieldManagerErrors(_ manager: String, at path: String = "fieldManager") -> [FieldError] {
    var errors: [FieldError] = []
    if manager.utf8.count > 128 {
      errors.append(FieldError(.tooLong, path, "Too long: may not be more than 128 bytes"))
    }
    var position = 0
    for scalar in manager.unicodeScalars {
      if !GoText.isPrintable(scalar) {
        let digits = String(scalar.value, radix: 16, uppercase: true)
        let code = String(repeating: "0", count: max(0, 4 - digits.count)) + digits
        errors.append(.invalid(path, manager, "invalid character U+\(code) (at position \(position))"))
      }
      position += UTF8.width(scalar)
    }
    return errors
  }
}
