import FoundationEssentials
import HTTPServing

/// Where a list in pages goes on. Clients take it as it is; what they could change about it shows them nothing that a list of their
/// own would not, so it carries no signature.
///
/// The form is that of a Kubernetes server: JSON in base64url without padding.
public struct ContinueToken: Sendable, Equatable {
  /// The revision of the first page; nil: the state now, which is not that of the pages before.
  public let revision: Int64?
  /// What was shown last.
  public let after: ObjectPlace

  static let maxTextBytes = 2_048

  public init(revision: Int64?, after: ObjectPlace) {
    self.revision = revision
    self.after = after
  }

  public var text: String {
    let token: JSONValue = [
      "v": "meta.k8s.io/v1", "rv": .integer(revision ?? -1),
      "start": .string("\(after.namespace)/\(after.name)\u{0}"),
    ]
    let base64 = Data(token.encoded()).base64EncodedString()
    return String(
      base64.compactMap { letter -> Character? in
        switch letter {
        case "+": "-"
        case "/": "_"
        case "=": nil
        default: letter
        }
      })
  }

  /// Throws `StatusError` (400).
  public init(parsing text: String) throws {
    func refused(_ reason: String) -> StatusError { .badRequest("continue key is not valid: \(reason)") }
    guard text.utf8.count <= Self.maxTextBytes else { throw refused("it is longer than \(Self.maxTextBytes) bytes") }
    var base64 = String(text.map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 })
    while base64.utf8.count % 4 != 0 { base64 += "=" }
    guard let bytes = Data(base64Encoded: base64), let token = try? JSONParser.parse(Array(bytes)) else {
      throw refused("it is not JSON in base64")
    }
    guard token["v"]?.text == "meta.k8s.io/v1" else { throw refused("server does not recognize this encoded version") }
    guard let number = token["rv"]?.integer, number == -1 || number > 0 else {
      throw refused("incorrect encoded start resourceVersion")
    }
    guard let start = token["start"]?.text, start.hasSuffix("\u{0}"),
      let slash = start.firstIndex(of: "/"), start.filter({ $0 == "/" }).count == 1
    else { throw refused("incorrect encoded start key") }
    revision = number == -1 ? nil : number
    after = ObjectPlace(
      namespace: String(start[..<slash]), name: String(start[start.index(after: slash)...].dropLast()))
  }
}
