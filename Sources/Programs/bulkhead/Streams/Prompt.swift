import Glibc

/// Questions to the user, and one-line answers.
enum Prompt {
  /// Asks at the terminal. Throws where standard input is none, naming the options that do without.
  static func ask(_ prompt: String, echo: Bool, otherwise: String) throws(ClientError) -> String {
    guard Terminal.isTerminal(STDIN_FILENO) else {
      throw ClientError("standard input is no terminal: use \(otherwise)")
    }
    guard !echo else {
      Console.writeError(prompt)
      return try firstLine()
    }
    // The question comes when the echo is off: what is typed before that is thrown away.
    let text = try Terminal(descriptor: STDIN_FILENO).withoutEcho { () throws(ClientError) in
      Console.writeError(prompt)
      return try firstLine()
    }
    Console.writeError("\n")
    return text
  }

  /// A password: the first line of standard input, or asked for without echo, twice where it is a new one.
  static func password(fromInput: Bool, isNew: Bool) throws(ClientError) -> String {
    let secret: String
    if fromInput {
      secret = try firstLine()
    } else {
      secret = try ask("Password: ", echo: false, otherwise: "--password-stdin")
      if isNew, try ask("Again: ", echo: false, otherwise: "--password-stdin") != secret {
        throw ClientError("the two passwords differ: try again")
      }
    }
    guard !secret.isEmpty else { throw ClientError("the password is empty") }
    return secret
  }

  /// Asks for a yes; anything else, the end of the input included, is a no.
  static func confirm(_ question: String) -> Bool {
    print(question, terminator: "")
    Console.flush()
    return readLine()?.lowercased().hasPrefix("y") ?? false
  }

  /// The first line of standard input, at most 64 KiB.
  static func firstLine() throws(ClientError) -> String {
    var bytes: [UInt8] = []
    while bytes.count < 65_536 {
      let piece = try readPiece(STDIN_FILENO, upTo: 1)
      guard let byte = piece.first, byte != 10 else { break }
      bytes.append(byte)
    }
    if bytes.last == 13 { bytes.removeLast() }
    guard let text = String(validating: bytes, as: UTF8.self) else { throw ClientError("what was given is not UTF-8") }
    return text
  }
}
