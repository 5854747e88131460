/// `$(NAME)` in commands, arguments and variables. Source: Kubernetes *Define Dependent Environment Variables*.
enum VariableExpansion {
  /// Replaces references to known variables; others stay as they are, and `$$` is a dollar sign.
  static func expand(_ text: String, _ value: (String) -> String?) -> String {
    let bytes = Array(text.utf8)
    guard bytes.contains(UInt8(ascii: "$")) else { return text }
    var output: [UInt8] = []
    var index = 0
    while index < bytes.count {
      guard bytes[index] == UInt8(ascii: "$"), index + 1 < bytes.count else {
        output.append(bytes[index])
        index += 1
        continue
      }
      switch bytes[index + 1] {
      case UInt8(ascii: "$"):
        output.append(UInt8(ascii: "$"))
        index += 2
      case UInt8(ascii: "("):
        guard let end = bytes[(index + 2)...].firstIndex(of: UInt8(ascii: ")")) else {
          output.append(contentsOf: bytes[index...(index + 1)])
          index += 2
          continue
        }
        let name = String(decoding: bytes[(index + 2)..<end], as: UTF8.self)
        if let value = value(name) {
          output.append(contentsOf: value.utf8)
        } else {
          output.append(contentsOf: bytes[index...end])
        }
        index = end + 1
      default:
        output.append(contentsOf: bytes[index...(index + 1)])
        index += 2
      }
    }
    return String(decoding: output, as: UTF8.self)
  }
}
