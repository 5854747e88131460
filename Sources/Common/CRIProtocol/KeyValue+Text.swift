import FoundationEssentials

extension CRIKeyValue {
  /// An environment variable whose value is text.
  package init(key: String, text: String) {
    self.init()
    self.key = key
    value = Data(text.utf8)
  }
}
