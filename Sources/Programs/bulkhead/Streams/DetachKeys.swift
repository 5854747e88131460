/// The keys that leave a container running and give the terminal back, and the search for them in what is typed.
struct DetachKeys: Equatable {
  /// ctrl-p, ctrl-q.
  static let standard = DetachKeys(sequence: [0x10, 0x11])

  let sequence: [UInt8]
  private var matched = 0

  private init(sequence: [UInt8]) { self.sequence = sequence }

  /// Parses `ctrl-p,ctrl-q` or single characters, separated by commas. An empty text means no keys.
  init(parsing text: String) throws(ClientError) {
    var sequence: [UInt8] = []
    for key in text.split(separator: ",") {
      let bytes = Array(key.lowercased().utf8)
      if bytes.count == 1 {
        sequence.append(Array(key.utf8)[0])
      } else if key.lowercased().hasPrefix("ctrl-"), bytes.count == 6, (0x40...0x5F).contains(bytes[5] & 0xDF) {
        sequence.append(bytes[5] & 0x1F)
      } else {
        throw ClientError.usage("invalid detach key '\(key)': use a character, or ctrl- and one of a-z @ [ \\ ] ^ _")
      }
    }
    self.init(sequence: sequence)
  }

  /// Takes what was typed. Returns what is to be sent on, and whether the keys were pressed. The beginning of the keys is
  /// held back until it is clear that it is only that.
  mutating func scan(_ typed: ArraySlice<UInt8>) -> (forward: [UInt8], detach: Bool) {
    guard !sequence.isEmpty else { return (Array(typed), false) }
    var forward: [UInt8] = []
    for byte in typed {
      if byte != sequence[matched], matched > 0 {
        forward.append(contentsOf: sequence[..<matched])
        matched = 0
      }
      if byte == sequence[matched] {
        matched += 1
        if matched == sequence.count { return (forward, true) }
      } else {
        forward.append(byte)
      }
    }
    return (forward, false)
  }
}
