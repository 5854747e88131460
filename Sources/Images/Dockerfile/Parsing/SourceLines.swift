import Model

/// The lines of a file, checked to be text within bounds.
struct SourceLines {
  let file: String
  private let scalars: [Unicode.Scalar]
  /// Where each line begins; the end of the text closes the list.
  private let starts: [Int]
  private(set) var next = 0

  /// - Throws: `invalidArgument` for what is no UTF-8 text, `resourceExhausted` for too much of it.
  init(_ bytes: some Collection<UInt8>, file: String) throws {
    guard bytes.count <= DockerfileLimits.fileBytes else {
      throw PlatformError(
        .resourceExhausted, "\(file) has \(bytes.count) bytes, at most \(DockerfileLimits.fileBytes) are read")
    }
    var scalars: [Unicode.Scalar] = []
    scalars.reserveCapacity(bytes.count)
    var starts = [0]
    var decoder = UTF8()
    var iterator = bytes.makeIterator()
    decoding: while true {
      switch decoder.decode(&iterator) {
      case .scalarValue(let scalar) where scalar != "\0":
        if scalars.isEmpty && scalar == "\u{FEFF}" { continue }
        scalars.append(scalar)
        if scalar == "\n" { starts.append(scalars.count) }
      case .emptyInput: break decoding
      case .scalarValue, .error:
        let position = SourcePosition(
          file: file, line: starts.count, column: scalars.count - starts[starts.count - 1] + 1)
        throw PlatformError.syntax(position, "expected UTF-8 text")
      }
    }
    if starts[starts.count - 1] != scalars.count { starts.append(scalars.count) }
    self.file = file
    self.scalars = scalars
    self.starts = starts
  }

  /// The number of the line read last, from 1.
  var lineNumber: Int { next }

  /// The next line with its end, for the body of a here-document.
  mutating func rawLine() -> ArraySlice<Unicode.Scalar>? {
    guard next < starts.count - 1 else { return nil }
    defer { next += 1 }
    return scalars[starts[next]..<starts[next + 1]]
  }

  /// The next line without its end.
  mutating func line() throws -> Piece? {
    guard let raw = rawLine() else { return nil }
    let text = raw.trimmingLineEnd
    guard text.count <= DockerfileLimits.lineScalars else {
      throw PlatformError(
        .resourceExhausted,
        "\(file):\(lineNumber):1: the line has \(text.count) characters, at most \(DockerfileLimits.lineScalars) are read"
      )
    }
    return Piece(
      scalars: Array(text), places: (1...text.count + 1).dropLast().map { Place(line: lineNumber, column: $0) })
  }
}

extension ArraySlice<Unicode.Scalar> {
  var trimmingLineEnd: Self {
    var text = self
    while text.last == "\n" || text.last == "\r" { text.removeLast() }
    return text
  }
}

extension Piece {
  var withoutLeadingSpace: Piece {
    let first = scalars.firstIndex { !$0.isSpace } ?? count
    return first == 0 ? self : self[first..<count]
  }

  var isComment: Bool { scalars.first { !$0.isSpace } == "#" }

  /// Without the escape character that continues the line, and the blanks behind it; nil where the line ends here.
  func continued(by escape: Unicode.Scalar) -> Piece? {
    var end = count
    while end > 0, scalars[end - 1] == " " || scalars[end - 1] == "\t" { end -= 1 }
    guard end > 0, scalars[end - 1] == escape, end < 2 || scalars[end - 2] != escape else { return nil }
    return self[0..<end - 1]
  }
}
