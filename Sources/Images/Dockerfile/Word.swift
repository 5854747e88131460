/// A piece of an instruction's text and where it stands.
public struct Word: Sendable, Hashable, CustomStringConvertible {
  public let text: String
  public let position: SourcePosition
  /// Where the text goes on elsewhere than at the next column: after a continuation line, a removed quote.
  private let breaks: [Break]

  private struct Break: Hashable {
    var offset: Int
    var position: SourcePosition
  }

  /// A word that stands in one piece.
  public init(_ text: String, at position: SourcePosition) {
    self.text = text
    self.position = position
    breaks = []
  }

  /// - Parameter end: the place of the word where it is empty.
  init(_ piece: Piece, file: String, end: Place) {
    text = piece.text
    let first = piece.places.first ?? end
    position = first.position(in: file)
    var breaks: [Break] = []
    var expected = first
    for (offset, place) in piece.places.enumerated() {
      if place != expected { breaks.append(Break(offset: offset, position: place.position(in: file))) }
      expected = Place(line: place.line, column: place.column + 1)
    }
    self.breaks = breaks
  }

  public var description: String { text }

  /// Where the scalar at `offset` stands.
  public func position(at offset: Int) -> SourcePosition {
    var (start, from) = (position, 0)
    for other in breaks.prefix(while: { $0.offset <= offset }) { (start, from) = (other.position, other.offset) }
    return SourcePosition(file: start.file, line: start.line, column: start.column + max(0, offset - from))
  }

  func prefix(_ count: Int) -> Word {
    Word(String(text.unicodeScalars.prefix(count)), position: position, breaks: breaks.filter { $0.offset < count })
  }

  /// The text from the scalar at `offset` on.
  func suffix(from offset: Int) -> Word {
    let rest = text.unicodeScalars.dropFirst(offset)
    let later = breaks.filter { $0.offset > offset }.map { Break(offset: $0.offset - offset, position: $0.position) }
    return Word(String(rest), position: position(at: offset), breaks: later)
  }

  private init(_ text: String, position: SourcePosition, breaks: [Break]) {
    self.text = text
    self.position = position
    self.breaks = breaks
  }

  /// The same place with another text, as expansion leaves it.
  func replacing(_ text: String) -> Word { Word(text, at: position) }
}

/// Line and column within the file being read.
struct Place: Sendable, Hashable {
  var line: Int
  var column: Int

  func position(in file: String) -> SourcePosition { SourcePosition(file: file, line: line, column: column) }
}

/// Scalars of an instruction, each with its place.
struct Piece: Sendable, Hashable {
  var scalars: [Unicode.Scalar] = []
  var places: [Place] = []

  var count: Int { scalars.count }
  var isEmpty: Bool { scalars.isEmpty }
  var text: String { String(scalars) }

  mutating func append(_ other: Piece, _ index: Int) {
    scalars.append(other.scalars[index])
    places.append(other.places[index])
  }

  mutating func append(_ other: Piece) {
    scalars += other.scalars
    places += other.places
  }

  subscript(range: Range<Int>) -> Piece {
    Piece(scalars: Array(scalars[range]), places: Array(places[range]))
  }

  /// Without white space on both sides.
  var trimmed: Piece {
    guard let first = scalars.firstIndex(where: { !$0.isSpace }), let last = scalars.lastIndex(where: { !$0.isSpace })
    else { return Piece() }
    return self[first..<last + 1]
  }
}

extension Unicode.Scalar {
  /// White space as Go's `unicode.IsSpace` has it.
  var isSpace: Bool {
    switch value {
    case 0x20, 0x09...0x0D, 0x85, 0xA0: true
    case ..<0x80: false
    default: properties.isWhitespace
    }
  }

  /// What parts words in a Dockerfile: blanks of ASCII.
  var isBlank: Bool { self == " " || (0x09...0x0D).contains(value) && self != "\n" }

  var isDigit: Bool { value < 0x80 ? (0x30...0x39).contains(value) : properties.generalCategory == .decimalNumber }

  var isLetter: Bool {
    if value < 0x80 { return (0x41...0x5A).contains(value) || (0x61...0x7A).contains(value) }
    switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: return true
    default: return false
    }
  }
}

extension String {
  init(_ scalars: some Sequence<Unicode.Scalar>) {
    var view = UnicodeScalarView()
    view.append(contentsOf: scalars)
    self.init(view)
  }
}
