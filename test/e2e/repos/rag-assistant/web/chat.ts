/* const endpoint = "http://localhost:4000/v1/chat/completions"; */
const endpoint = `${import.meta.env.API}/chat`;
export const logo = "https://cdn.acme.com/logo.png";
