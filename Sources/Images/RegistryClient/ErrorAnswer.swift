import Model
import OCITypes

/// The body of a refusal (OCI distribution specification, *Error codes*).
struct ErrorAnswer: Decodable {
  static let maximumBytes = 64 << 10

  struct Item: Decodable {
    var code: String?
    var message: String?
  }
  var errors: [Item]?
  /// What token servers and some registries send instead.
  var details: String?
  var message: String?

  /// Makes the failure for a status and body.
  static func failure(_ response: WireResponse, _ bytes: [UInt8], _ action: String) -> RegistryFailure {
    let answer = try? ImageDocuments.decode(ErrorAnswer.self, from: bytes, limit: maximumBytes, named: "the error")
    let items = answer?.errors?.prefix(10) ?? []
    let codes = items.compactMap { $0.code.map(printable) }
    let words = items.compactMap { item -> String? in
      let code = item.code.map { printable($0).lowercased().replacing("_", with: " ") }
      return [code, item.message.map(printable)].compactMap { $0 }.joined(separator: ": ")
    }
    let text = words.first ?? (answer?.details ?? answer?.message).map(printable)
    let kind = kind(response.status, codes)
    return RegistryFailure(
      kind, "\(action): " + (text ?? "status \(response.status)"), status: response.status, codes: codes)
  }

  private static func kind(_ status: Int, _ codes: [String]) -> RegistryFailure.Kind {
    switch status {
    case 401: .unauthorized
    case 403: .denied
    case 404: .notFound
    case 405, 501: .unsupported
    case 408: .unreachable
    case 429: .tooManyRequests
    case 500...: codes.contains("UNSUPPORTED") ? .unsupported : .unavailable
    case 400 where codes.contains("UNSUPPORTED"): .unsupported
    default: .rejected
    }
  }

  /// A peer's words as they may be shown: one line, bounded.
  static func printable(_ text: String) -> String {
    String(text.unicodeScalars.prefix(300).map { $0.value < 0x20 || $0.value == 0x7F ? " " : Character($0) })
  }
}
