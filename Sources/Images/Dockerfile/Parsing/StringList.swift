import FoundationEssentials
import Model

/// The exec form: a JSON list of strings.
enum StringList {
  private struct Element: Decodable {
    var text: String?

    init(from decoder: any Decoder) throws {
      text = try? decoder.singleValueContainer().decode(String.self)
    }
  }

  /// Nil where the text is no JSON list: it then means itself, as in docker.
  static func read(_ text: Piece, at position: SourcePosition) throws -> [String]? {
    guard text.scalars.first == "[", text.scalars.last == "]", text.count <= DockerfileLimits.listBytes else {
      return nil
    }
    guard let elements = try? JSONDecoder().decode([Element].self, from: Data(text.text.utf8)) else { return nil }
    let texts = elements.compactMap(\.text)
    guard texts.count == elements.count else {
      throw PlatformError.syntax(position, "when using JSON array syntax, arrays must be comprised of strings only")
    }
    return texts
  }
}
