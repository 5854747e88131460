import FoundationEssentials
import Model

/// What conmon writes to its sync pipe once the runtime has created the container, or has failed to.
struct MonitorMessage: Decodable {
  /// The init process's pid, or a negative number.
  var data: Int32
  var message: String?

  var text: String { message ?? "" }

  init(parsing line: [UInt8]) throws {
    guard !line.isEmpty else { throw PlatformError(.internal, "") }
    do {
      self = try JSONDecoder().decode(MonitorMessage.self, from: Data(line))
    } catch {
      throw PlatformError(
        .internal, "", context: ["message": String(decoding: line.prefix(500), as: UTF8.self)], cause: error)
    }
  }
}
