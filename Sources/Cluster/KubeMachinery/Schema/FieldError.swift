/// What is wrong with one field, in the words that kubectl's users know.
/// Source: Kubernetes `field.Error`; `Status.details.causes`.
public struct FieldError: Error, Sendable, Equatable {
  public enum Reason: String, Sendable {
    case required = "FieldValueRequired"
    case invalid = "FieldValueInvalid"
    case duplicate = "FieldValueDuplicate"
    case forbidden = "FieldValueForbidden"
    case notFound = "FieldValueNotFound"
    case notSupported = "FieldValueNotSupported"
    case tooLong = "FieldValueTooLong"
    case tooMany = "FieldValueTooMany"
    case typeInvalid = "FieldValueTypeInvalid"
    case internalError = "InternalError"
  }

  public let reason: Reason
  /// `spec.template.spec.containers[0].image`.
  public let path: String
  /// Without the path: `Required value: …`.
  public let message: String

  public init(_ reason: Reason, _ path: String, _ message: String) {
    self.reason = reason
    self.path = path
    self.message = message
  }

  /// As `Status.message` lists it.
  public var text: String { "\(path): \(message)" }
}
