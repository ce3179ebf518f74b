"""From MNIST to a published model: dataset, augmentation, network, train, evaluate. It imports digit_model, never the other way."""
