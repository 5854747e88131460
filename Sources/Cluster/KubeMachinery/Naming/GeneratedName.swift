/// Names that the server makes from `metadata.generateName`.
public enum GeneratedName {
  /// The letters of a suffix: no vowels, so that no words come about, and nothing that is mistaken for another.
  public static let alphabet = "bcdfghjklmnpqrstvwxz2456789"
  public static let suffixLength = 5
  /// A generated name fits into a label of DNS.
  public static let maxLength = 63

  /// `base`, cut to 58 bytes where it is longer, and five letters.
  public static func make(base: String, using generator: inout some RandomNumberGenerator) -> String {
    var kept = Substring(base)
    while kept.utf8.count > maxLength - suffixLength { kept.removeLast() }
    return kept + suffix(using: &generator)
  }

  /// Five letters of the alphabet, each as likely as any other.
  public static func suffix(using generator: inout some RandomNumberGenerator) -> String {
    let letters = Array(alphabet.utf8)
    let picked = (0..<suffixLength).map { _ in letters[Int.random(in: 0..<letters.count, using: &generator)] }
    return String(decoding: picked, as: UTF8.self)
  }

  /// A hash written in the alphabet, as controllers name what they make from a template. Source: Kubernetes
  /// `SafeEncodeString`.
  public static func encoded(_ text: String) -> String {
    let letters = Array(alphabet.utf8)
    return String(decoding: text.unicodeScalars.map { letters[Int($0.value) % letters.count] }, as: UTF8.self)
  }
}
