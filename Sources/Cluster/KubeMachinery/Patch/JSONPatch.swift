import HTTPServing

/// A list of operations on a document. Sources: RFC 6902; RFC 6901 for paths.
///
/// As Kubernetes servers do it, and different from the RFC: `replace` also makes members that are missing, `test` of a
/// missing member with null holds, and negative indices count from the end.
public struct JSONPatch: Sendable {
  public static let maxOperations = 10_000
  /// What all `copy` operations of one patch may add.
  public static let maxCopiedBytes = 3 * 1024 * 1024
  /// Values compared and list items moved by one patch; a few thousand operations on a large list stay far below.
  static let maxSteps = 20_000_000

  enum Operation: Sendable {
    case add(Pointer, JSONValue)
    case remove(Pointer)
    case replace(Pointer, JSONValue)
    case move(from: Pointer, Pointer)
    case copy(from: Pointer, Pointer)
    case test(Pointer, JSONValue)
  }

  /// `/spec/containers/0`.
  struct Pointer: Sendable {
    let text: String
    let steps: [String]
  }

  let operations: [Operation]

  /// Throws `PatchError`: malformed, beyond the bounds, or an operation that lacks a part.
  public init(_ document: JSONValue) throws {
    guard case .array(let items) = document else {
      throw PatchError(
        .malformed, "json: cannot unmarshal \(Self.kindName(document)) into Go value of type jsonpatch.Patch")
    }
    guard items.count <= Self.maxOperations else {
      throw PatchError(
        .tooLarge, "The allowed maximum operations in a JSON patch is \(Self.maxOperations), got \(items.count)")
    }
    operations = try items.map(Self.operation)
  }

  /// As Go's decoder names what stands in a document.
  private static func kindName(_ value: JSONValue) -> String {
    switch value {
    case .null: "null"
    case .bool: "bool"
    case .integer, .double: "number"
    case .string: "string"
    case .array: "array"
    case .object: "object"
    }
  }

  private static func operation(_ item: JSONValue) throws -> Operation {
    guard item.isObject else {
      throw PatchError(
        .malformed, "json: cannot unmarshal \(kindName(item)) into Go value of type jsonpatch.Operation")
    }
    let kind = item["op"]?.text ?? "unknown"
    switch kind {
    case "add": return .add(try pointer(item, "path", of: kind), try value(item, of: kind))
    case "remove": return .remove(try pointer(item, "path", of: kind))
    case "replace": return .replace(try pointer(item, "path", of: kind), try value(item, of: kind))
    case "test": return .test(try pointer(item, "path", of: kind), item["value"] ?? .null)
    case "move": return .move(from: try pointer(item, "from", of: kind), try pointer(item, "path", of: kind))
    case "copy": return .copy(from: try pointer(item, "from", of: kind), try pointer(item, "path", of: kind))
    default: throw PatchError(.unprocessable, "Unexpected kind: \(kind)")
    }
  }

  private static func value(_ item: JSONValue, of kind: String) throws -> JSONValue {
    guard let value = item["value"] else {
      throw PatchError(.unprocessable, "\(kind) operation is missing its value: missing value")
    }
    return value
  }

  private static func pointer(_ item: JSONValue, _ member: String, of kind: String) throws -> Pointer {
    guard let text = item[member]?.text else {
      throw PatchError(.unprocessable, "\(kind) operation failed to decode \(member): missing value")
    }
    if text.isEmpty { return Pointer(text: text, steps: []) }
    guard text.utf8.first == UInt8(ascii: "/") else {
      throw PatchError(.unprocessable, "\(kind) operation has the \(member) \(GoText.quoted(text)): expected '/' first")
    }
    let steps = text.utf8.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard steps.count <= JSONLimits.maxDepth else {
      throw PatchError(.unprocessable, "\(kind) operation has a \(member) deeper than \(JSONLimits.maxDepth) levels")
    }
    return Pointer(text: text, steps: steps.map { unescaped($0) })
  }

  /// `~1` is `/`, `~0` is `~`; another letter after a tilde is left alone, as servers do.
  private static func unescaped(_ step: Substring.UTF8View) -> String {
    guard step.contains(UInt8(ascii: "~")) else { return String(decoding: step, as: UTF8.self) }
    var output: [UInt8] = []
    var rest = step
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "~"), rest.first == UInt8(ascii: "0") || rest.first == UInt8(ascii: "1") {
        output.append(rest.popFirst() == UInt8(ascii: "1") ? UInt8(ascii: "/") : byte)
      } else {
        output.append(byte)
      }
    }
    return String(decoding: output, as: UTF8.self)
  }
}
